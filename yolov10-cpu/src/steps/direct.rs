//! Dense convolution as a product of taps and channels with groups of output channels. The input is read in place; for
//! bf16, a task first converts what it reads to pairs of channels, unless it is stored as pairs.

use super::{Epilogue, Memory, Threads};
use crate::kernels::{Finish, Start, Tile, TileKernel};
use crate::layout::{LANES, PAIRS, View, split};
use crate::weights::{PASS, Packed};

/// How many bytes of input and output a task may touch, so that it stays in a second-level cache of 512 KB.
const TASK_BYTES: usize = 400 << 10;
/// Floats of the sums of a tile that is stored as pairs; the largest kernels have 20 pixels, or 14 in two blocks.
const SUMS: usize = 28 * LANES;
/// A task with fewer operations than this is not worth taking.
const MIN_TASK_FLOPS: usize = 2_000_000;

pub(crate) struct Direct {
    operands: Operands,
    /// Whether the output holds sums to start from.
    accumulate: bool,
    /// For bf16: the rows that a task reads, in its scratch memory. `None` if the input is stored in pairs.
    pairs: Option<View>,
    taps: Vec<usize>,
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

/// What is multiplied.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Factors {
    Floats,
    /// Pairs of channels in bf16, summed up in f32.
    Bf16Pairs,
}

impl Factors {
    /// How many floats the 16 channels of a pixel take up.
    pub fn block(self) -> usize {
        match self {
            Factors::Floats => LANES,
            Factors::Bf16Pairs => PAIRS,
        }
    }
}

/// Where a row of outputs reads its input.
struct Window {
    /// Top left of the first pixel's window.
    first: *const f32,
    /// Floats from one column to the next.
    block: usize,
    /// Only for the task's first group of outputs, if pixels are read in order: later groups find them in the cache.
    fetch_ahead: bool,
}

impl Direct {
    pub fn new(operands: Operands, factors: Factors, accumulate: bool, threads: Threads) -> Direct {
        let Operands { input, output, kernel, stride, .. } = operands;
        let depth = input.blocks() * input.block * kernel * kernel;
        let groups = output.blocks().div_ceil(2);
        let row_flops = (2 * output.width * output.blocks() * LANES).saturating_mul(depth);
        let input_channels = match factors {
            Factors::Floats => (input.blocks() * input.block).min(PASS),
            Factors::Bf16Pairs => input.blocks() * PAIRS,
        };
        let output_channels = output.blocks() * LANES;
        let row_floats = stride * input.width * input_channels + output.width * output_channels;
        let fewest_rows = MIN_TASK_FLOPS.div_ceil(row_flops).min(output.height.div_ceil(2));
        let rows = (TASK_BYTES / size_of::<f32>() / row_floats)
            .clamp(1, output.height.div_ceil(threads.min_tasks()))
            .max(fewest_rows);
        let row_parts = threads.even(output.height.div_ceil(rows), output.height);
        let group_parts = threads.min_tasks().div_ceil(row_parts).min(groups);

        let pairs = (factors == Factors::Bf16Pairs && input.block == LANES).then(|| {
            let rows = (output.height.div_ceil(row_parts) - 1) * stride + kernel;
            let row_stride = (input.width + kernel - 1) * PAIRS;
            let block_stride = rows * row_stride;
            View { offset: 0, height: rows, block: PAIRS, block_stride, row_stride, border: 0, ..input }
        });
        let source = pairs.unwrap_or(input);
        let window = (0..kernel * kernel).map(|tap| tap / kernel * source.row_stride + tap % kernel * source.block);
        let taps = (0..input.blocks())
            .flat_map(|block| window.clone().map(move |offset| block * source.block_stride + offset))
            .collect();
        Direct { operands, accumulate, pairs, taps, row_parts, group_parts }
    }

    pub fn tasks(&self) -> usize {
        self.row_parts * self.group_parts
    }

    /// A task's input in pairs, and the sums of a tile.
    pub fn scratch(&self) -> usize {
        SUMS + self.pairs.map_or(0, |pairs| self.operands.input.blocks() * pairs.block_stride)
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let Operands { input, output, kernel, stride, .. } = self.operands;
        let rows = split(output.height, self.row_parts, task / self.group_parts);
        let all_groups = output.blocks().div_ceil(2);
        let groups = split(all_groups, self.group_parts, task % self.group_parts);
        let padding = kernel / 2 * (input.row_stride + input.block);
        let corner = input.at(0, rows.start * stride, 0) - padding;
        // SAFETY: the border is as wide as the padding.
        let (source, first) = unsafe {
            match self.pairs {
                None => (input, memory.arena.add(corner)),
                Some(pairs) => {
                    self.convert(&pairs, corner, (rows.len() - 1) * stride + kernel, memory);
                    (pairs, memory.scratch.add(SUMS))
                }
            }
        };
        let passes = (self.taps.len() * source.block).div_ceil(PASS);
        for pass in 0..passes {
            let taps = split(self.taps.len(), passes, pass);
            for group in groups.clone() {
                for (index, row) in rows.clone().enumerate() {
                    let window = Window {
                        first: first.wrapping_add(index * stride * source.row_stride),
                        block: source.block,
                        fetch_ahead: group == groups.start && (kernel, stride) == (1, 1),
                    };
                    // SAFETY: the row's window lies in `source`.
                    unsafe { self.row(row, group, taps.clone(), &window, memory) }
                }
            }
        }
    }

    /// The contribution of some taps to one row of one group of output channels.
    ///
    /// # Safety
    /// `window` is the row's.
    unsafe fn row(&self, row: usize, group: usize, taps: std::ops::Range<usize>, window: &Window, memory: &Memory) {
        let Operands { output, epilogue, packed, stride, .. } = self.operands;
        let block = window.block;
        let blocks = (output.blocks() - 2 * group).min(2);
        let weight_stride = blocks * LANES;
        let weights = packed.weights + group * packed.group_stride + taps.start * block * weight_stride;
        let tiles = memory.kernels.tiles(block, stride);
        let at_once = if tiles.double.is_empty() { 1 } else { blocks };
        let kernels = tiles.of(at_once);
        let parts = output.width.div_ceil(kernels.len());
        for (first, part) in (0..blocks).step_by(at_once).flat_map(|first| (0..parts).map(move |part| (first, part))) {
            let columns = split(output.width, parts, part);
            let output_block = 2 * group + first;
            let tile = Tile {
                input: window.first.wrapping_add(columns.start * stride * block),
                taps: self.taps[taps.clone()].as_ptr(),
                tap_count: taps.len(),
                fetch_ahead: window.fetch_ahead,
                depth: block,
                weights: memory.weights.wrapping_add(weights + first * LANES),
                weight_stride,
                start: if taps.start == 0 && !self.accumulate {
                    Start::Bias(memory.weights.wrapping_add(packed.bias + output_block * LANES))
                } else {
                    Start::Output
                },
                output: memory.arena.wrapping_add(output.at(output_block, row, columns.start)),
                output_stride: output.block_stride,
                finish: if taps.end == self.taps.len() {
                    epilogue.at(memory, output_block, row, columns.start)
                } else {
                    Finish::NOTHING
                },
            };
            // SAFETY: the views lie in the arena, and the weights were packed for these taps and groups.
            unsafe {
                if output.block == LANES {
                    kernels[columns.len() - 1](&tile);
                } else {
                    self.store_pairs(&tile, kernels[columns.len() - 1], [columns.len(), at_once], memory);
                }
            }
        }
    }

    /// Computes a tile in scratch and stores it as pairs.
    ///
    /// # Safety
    /// As `kernel`, for this many pixels and blocks; the output is stored in pairs.
    unsafe fn store_pairs(&self, tile: &Tile, kernel: TileKernel, [pixels, blocks]: [usize; 2], memory: &Memory) {
        // SAFETY: the caller's promise; `SUMS` has room for any tile.
        unsafe {
            kernel(&Tile { output: memory.scratch, output_stride: pixels * LANES, finish: Finish::NOTHING, ..*tile });
            for block in 0..blocks {
                memory.kernels.to_pairs(
                    memory.scratch.add(block * pixels * LANES),
                    &tile.finish.block(block),
                    tile.output.add(block * tile.output_stride),
                    pixels,
                );
            }
        }
    }

    /// Converts `rows` rows of the input, starting at `corner`, to pairs.
    ///
    /// # Safety
    /// As [`Step::run`](super::Step::run); the rows lie within the input's border.
    unsafe fn convert(&self, pairs: &View, corner: usize, rows: usize, memory: &Memory) {
        let Operands { input, kernel, .. } = self.operands;
        let pixels = input.width + kernel - 1;
        for block in 0..input.blocks() {
            for row in 0..rows {
                let source = corner + block * input.block_stride + row * input.row_stride;
                let target = block * pairs.block_stride + row * pairs.row_stride;
                // SAFETY: the caller's promise; the scratch has `scratch()` floats.
                unsafe {
                    memory.kernels.to_pairs(
                        memory.arena.add(source),
                        &Finish::NOTHING,
                        memory.scratch.add(SUMS + target),
                        pixels,
                    );
                }
            }
        }
    }
}
