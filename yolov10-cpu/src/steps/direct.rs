//! Dense convolution as a product: taps times channels against groups of output channels, with no copy of the input.

use super::{Epilogue, Memory};
use crate::kernels::{Start, Tile};
use crate::layout::{LANES, View, split};
use crate::weights::{GROUP, Packed};

/// Products of a pass: so many rows of a weight group (32 KB) stay in the first-level cache.
const PASS: usize = 256;
/// Bytes of input and output that a task may touch, to stay in a second-level cache of 512 KB.
const TASK_BYTES: usize = 400 << 10;
/// Below so many operations a task is not worth taking.
const MIN_TASK_FLOPS: usize = 2_000_000;

pub(crate) struct Direct {
    input: View,
    output: View,
    epilogue: Epilogue,
    packed: Packed,
    /// The output holds sums to start from.
    accumulate: bool,
    kernel: usize,
    stride: usize,
    taps: Vec<u32>,
    row_parts: usize,
    group_parts: usize,
}

/// The shape of a convolution and where its operands are.
#[derive(Clone, Copy)]
pub(crate) struct Operands {
    pub input: View,
    pub output: View,
    pub epilogue: Epilogue,
    pub packed: Packed,
    pub kernel: usize,
    pub stride: usize,
}

impl Direct {
    pub fn new(operands: Operands, accumulate: bool, min_tasks: usize) -> Direct {
        let Operands {
            input,
            output,
            epilogue,
            packed,
            kernel,
            stride,
        } = operands;
        let window = (0..kernel * kernel)
            .map(|tap| tap / kernel * input.row_stride + tap % kernel * input.block);
        let taps: Vec<u32> = (0..input.blocks())
            .flat_map(|block| {
                window
                    .clone()
                    .map(move |offset| block * input.block_stride + offset)
            })
            .map(|offset| u32::try_from(offset).expect("a map has less than 2^32 floats"))
            .collect();

        let depth = taps.len() * input.block;
        let groups = output.blocks().div_ceil(2);
        let row_flops = 2 * depth * output.width * output.blocks() * LANES;
        let row_bytes = 4
            * (stride * input.width * input.blocks().min(PASS / LANES) * input.block
                + output.width * output.blocks() * LANES);
        let rows = (TASK_BYTES / row_bytes)
            .clamp(1, output.height.div_ceil(min_tasks))
            .max(
                MIN_TASK_FLOPS
                    .div_ceil(row_flops)
                    .min(output.height.div_ceil(2)),
            );
        let row_parts = output.height.div_ceil(rows);
        let group_parts = if row_parts < min_tasks {
            min_tasks.div_ceil(row_parts).min(groups)
        } else {
            1
        };
        Direct {
            input,
            output,
            epilogue,
            packed,
            accumulate,
            kernel,
            stride,
            taps,
            row_parts,
            group_parts,
        }
    }

    pub fn tasks(&self) -> usize {
        self.row_parts * self.group_parts
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let Direct {
            input,
            output,
            packed,
            ..
        } = self;
        let rows = split(output.height, self.row_parts, task % self.row_parts);
        let groups = split(
            output.blocks().div_ceil(2),
            self.group_parts,
            task / self.row_parts,
        );
        let depth = input.block;
        let passes = (self.taps.len() * depth).div_ceil(PASS);
        let tiles = memory.kernels.tiles(input.block, self.stride);
        let padding = self.kernel / 2 * (input.row_stride + input.block);
        for pass in 0..passes {
            let taps = split(self.taps.len(), passes, pass);
            for group in groups.clone() {
                let blocks = (output.blocks() - 2 * group).min(2);
                let weight_stride = blocks * LANES;
                let at_once = if tiles.double.is_empty() { 1 } else { blocks };
                let kernels = tiles.of(at_once);
                let parts = output.width.div_ceil(kernels.len());
                for block in (0..blocks).step_by(at_once) {
                    let weights = packed.weights
                        + group * packed.group_stride
                        + taps.start * depth * weight_stride
                        + block * LANES;
                    let block = 2 * group + block;
                    for row in rows.clone() {
                        for part in 0..parts {
                            let columns = split(output.width, parts, part);
                            let first = input.at(0, row * self.stride, columns.start * self.stride)
                                - padding;
                            let last_pass = pass + 1 == passes;
                            let start = if pass == 0 && !self.accumulate {
                                Start::Bias(
                                    memory.weights.wrapping_add(packed.bias + block * LANES),
                                )
                            } else {
                                Start::Output
                            };
                            let finish = if last_pass {
                                self.epilogue.at(memory, block, row, columns.start)
                            } else {
                                crate::kernels::Finish::NOTHING
                            };
                            let tile = Tile {
                                input: memory.arena.wrapping_add(first),
                                taps: self.taps[taps.clone()].as_ptr(),
                                tap_count: taps.len(),
                                depth,
                                weights: memory.weights.wrapping_add(weights),
                                weight_stride,
                                start,
                                output: memory.arena.wrapping_add(output.at(
                                    block,
                                    row,
                                    columns.start,
                                )),
                                output_stride: output.block_stride,
                                finish,
                            };
                            // SAFETY: the views lie in the arena, the input's border is as wide as the
                            // padding, and the weights were packed for these taps and groups.
                            unsafe { kernels[columns.len() - 1](&tile) }
                        }
                    }
                }
            }
        }
    }
}

const _: () = assert!(GROUP == 2 * LANES, "a group is two blocks");
