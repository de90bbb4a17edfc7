//! 3x3 convolution by Winograd's F(4x4, 3x3): a task takes some tiles through both transforms without leaving
//! the second-level cache.

use super::direct::{Factors, Operands};
use super::{Epilogue, Memory, Threads};
use crate::kernels::{Finish, Inverse, OUTPUT, PATCH, POINTS, Start, Tile};
use crate::layout::{LANES, PAIRS, View, split};
use crate::weights::{POINT_PADDING, Packed};

/// Floats of transformed input that a task may hold: with the sums half of a second-level cache of 1 MB.
const POINTS_FLOATS: usize = 64 << 10;
/// Tiles of a task, at least and at most, and how many fill the widest kernel.
const TILES: std::ops::RangeInclusive<usize> = 8..=56;
const FULL_TILE: usize = 14;

/// The bias is added after the inverse transform.
static ZEROS: [f32; 2 * LANES] = [0.0; 2 * LANES];

pub(crate) struct Winograd {
    input: View,
    output: View,
    epilogue: Epilogue,
    packed: Packed,
    /// Floats of a transformed pixel.
    block: usize,
    /// Blocks of a task's transformed input.
    taps: Vec<usize>,
    /// Tiles of a task, at most.
    tiles: usize,
    tile_parts: usize,
    group_parts: usize,
}

impl Winograd {
    pub fn new(operands: Operands, factors: Factors, threads: Threads) -> Winograd {
        let Operands {
            input,
            output,
            epilogue,
            packed,
            ..
        } = operands;
        let block = factors.block();
        let total = output.height.div_ceil(OUTPUT) * output.width.div_ceil(OUTPUT);
        let most =
            (POINTS_FLOATS / (POINTS * input.blocks() * block)).clamp(*TILES.start(), *TILES.end());
        // More tasks by fewer tiles, down to one full kernel; then by groups, which transform anew.
        let fewest = threads.min_tasks().min(total / FULL_TILE);
        let tile_parts = threads.even(total.div_ceil(most).max(fewest), total);
        let tiles = total.div_ceil(tile_parts);
        let groups = output.blocks().div_ceil(2);
        let group_parts = (threads.min_tasks() / tile_parts).clamp(1, groups);
        let taps = (0..input.blocks()).map(|index| index * tiles * block);
        Winograd {
            input,
            output,
            epilogue,
            packed,
            block,
            taps: taps.collect(),
            tiles,
            tile_parts,
            group_parts,
        }
    }

    pub fn tasks(&self) -> usize {
        self.tile_parts * self.group_parts
    }

    /// Points of the input, sums of a group, and a patch for tiles at the edge.
    pub fn scratch(&self) -> usize {
        POINTS * (self.point_stride() + 2 * self.tiles * LANES + LANES)
    }

    /// Floats from one point of a task's transformed input to the next.
    fn point_stride(&self) -> usize {
        self.input.blocks() * self.tiles * self.block
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let tiles_across = self.output.width.div_ceil(OUTPUT);
        let total = self.output.height.div_ceil(OUTPUT) * tiles_across;
        let tiles = split(total, self.tile_parts, task % self.tile_parts);
        let groups = split(
            self.output.blocks().div_ceil(2),
            self.group_parts,
            task / self.tile_parts,
        );
        let corner = |tile: usize| [tile / tiles_across * OUTPUT, tile % tiles_across * OUTPUT];

        let point_stride = self.point_stride();
        let sums = memory.scratch.wrapping_add(POINTS * point_stride);
        let sum_stride = 2 * self.tiles * LANES;
        let edge = sums.wrapping_add(POINTS * sum_stride);
        // SAFETY: the views lie in the arena, the input has a border of 1, the scratch has `scratch()` floats.
        unsafe {
            for block in 0..self.input.blocks() {
                for (index, tile) in tiles.clone().enumerate() {
                    let points = memory
                        .scratch
                        .add((block * self.tiles + index) * self.block);
                    self.transform_input(block, corner(tile), points, point_stride, edge, memory);
                }
            }
            for group in groups {
                let blocks = (self.output.blocks() - 2 * group).min(2);
                self.multiply(group, blocks, tiles.len(), sums, memory);
                for block in 0..blocks {
                    for (index, tile) in tiles.clone().enumerate() {
                        let sums = sums.add((block * self.tiles + index) * LANES);
                        self.transform_output(2 * group + block, corner(tile), sums, edge, memory);
                    }
                }
            }
        }
    }

    /// # Safety
    /// `points` has a value of this tile and block every `stride`, `edge` has room for a patch.
    unsafe fn transform_input(
        &self,
        block: usize,
        [row, column]: [usize; 2],
        points: *mut f32,
        stride: usize,
        edge: *mut f32,
        memory: &Memory,
    ) {
        let view = &self.input;
        let transform = memory.kernels.input_transform(view.block, self.block);
        // SAFETY: a whole patch lies within the border; of one at the edge only what does is copied.
        unsafe {
            let patch = memory
                .arena
                .add(view.at(block, row, column) - view.row_stride - view.block);
            let (rows, columns) = (view.height + 2 - row, view.width + 2 - column);
            if rows >= PATCH && columns >= PATCH {
                return transform(patch, view.row_stride, points, stride);
            }
            edge.write_bytes(0, POINTS * LANES);
            for row in 0..rows.min(PATCH) {
                let source = patch.add(row * view.row_stride);
                edge.add(row * PATCH * view.block)
                    .copy_from_nonoverlapping(source, columns.min(PATCH) * view.block);
            }
            transform(edge, PATCH * view.block, points, stride);
        }
    }

    /// The 36 products of one group.
    ///
    /// # Safety
    /// The scratch holds the points of `tiles` tiles; `sums` has room for theirs.
    unsafe fn multiply(
        &self,
        group: usize,
        blocks: usize,
        tiles: usize,
        sums: *mut f32,
        memory: &Memory,
    ) {
        let kernels = memory.kernels.tiles(self.block, 1);
        let at_once = if kernels.double.is_empty() { 1 } else { blocks };
        let kernels = kernels.of(at_once);
        let parts = tiles.div_ceil(kernels.len());
        let depth = self.input.blocks() * self.block;
        for point in 0..POINTS {
            let panel = self.packed.weights
                + group * self.packed.group_stride
                + point * (depth + POINT_PADDING) * blocks * LANES;
            for block in (0..blocks).step_by(at_once) {
                for part in 0..parts {
                    let columns = split(tiles, parts, part);
                    let product = Tile {
                        input: memory
                            .scratch
                            .wrapping_add(point * self.point_stride() + columns.start * self.block),
                        taps: self.taps.as_ptr(),
                        tap_count: self.taps.len(),
                        depth: self.block,
                        weights: memory.weights.wrapping_add(panel + block * LANES),
                        weight_stride: blocks * LANES,
                        start: Start::Bias(ZEROS.as_ptr()),
                        output: sums.wrapping_add(
                            ((2 * point + block) * self.tiles + columns.start) * LANES,
                        ),
                        output_stride: self.tiles * LANES,
                        finish: Finish::NOTHING,
                    };
                    // SAFETY: the caller's promise; the weights were packed for 36 points and this group.
                    unsafe { kernels[columns.len() - 1](&product) }
                }
            }
        }
    }

    /// # Safety
    /// `sums` are those of this tile and block; `edge` has room for a tile.
    unsafe fn transform_output(
        &self,
        block: usize,
        [row, column]: [usize; 2],
        sums: *const f32,
        edge: *mut f32,
        memory: &Memory,
    ) {
        let view = &self.output;
        let finish = self.epilogue.at(memory, block, row, column);
        let whole = Inverse {
            points: sums,
            point_stride: 2 * self.tiles * LANES,
            bias: memory
                .weights
                .wrapping_add(self.packed.bias + block * LANES),
            output: memory.arena.wrapping_add(view.at(block, row, column)),
            output_row: view.row_stride,
            finish: Finish {
                residual_stride: self.epilogue.residual.map_or(0, |view| view.row_stride),
                ..finish
            },
        };
        let (rows, columns) = (view.height - row, view.width - column);
        // SAFETY: a whole tile lies in the map; of one at the edge only what does is written.
        unsafe {
            if rows >= OUTPUT && columns >= OUTPUT {
                return memory.kernels.output_transform(view.block)(&whole);
            }
            let output_row = OUTPUT * LANES;
            let without_residual = Finish {
                silu: finish.silu,
                ..Finish::NOTHING
            };
            memory.kernels.output_transform(LANES)(&Inverse {
                output: edge,
                output_row,
                finish: without_residual,
                ..whole
            });
            for row in 0..rows.min(OUTPUT) {
                let source = edge.add(row * output_row);
                let target = whole.output.add(row * whole.output_row);
                let pixels = columns.min(OUTPUT);
                let residual = whole.finish.block(row).residual;
                if view.block == PAIRS {
                    let residual = Finish {
                        residual,
                        ..Finish::NOTHING
                    };
                    memory.kernels.to_pairs(source, &residual, target, pixels);
                } else if residual.is_null() {
                    target.copy_from_nonoverlapping(source, pixels * LANES);
                } else {
                    (memory.kernels.sum)(source, residual, target, pixels);
                }
            }
        }
    }
}
