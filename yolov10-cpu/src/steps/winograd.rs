//! 3x3 convolution by Winograd's transforms, with stride 1 or 2: a task takes some tiles through both transforms, within the
//! second-level cache if there are not too many channels.

use super::direct::{Factors, Operands};
use super::{Epilogue, Memory, Threads};
use crate::kernels::{Finish, Inverse, OUTPUT, PANELS, Start, Tile, patch};
use crate::layout::{LANES, PAIRS, View, split};
use crate::weights::{PANEL_PADDING, Packed};

/// The most floats of transformed input that a task holds, as far as `TILES` allows: with the sums, half of a
/// second-level cache of 1 MB. With stride 2, eight tiles exceed it from 102 channels on; with 320 channels they take
/// 0.9 MB.
const POINTS_FLOATS: usize = 64 << 10;
/// The fewest and the most tiles of a task, and how many fill the widest kernel.
const TILES: std::ops::RangeInclusive<usize> = 8..=56;
const FULL_TILE: usize = 14;

/// At least this many floats, rounded up to an odd number of cache lines: points that lie a power of two apart would share
/// a few sets of every cache.
fn odd_lines(floats: usize) -> usize {
    (floats.div_ceil(LANES) | 1) * LANES
}

/// The bias is added after the inverse transform.
static ZEROS: [f32; 2 * LANES] = [0.0; 2 * LANES];

pub(crate) struct Winograd {
    input: View,
    output: View,
    epilogue: Epilogue,
    packed: Packed,
    stride: usize,
    /// Inputs of a tile, per side, and points.
    patch: usize,
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
        let Operands { input, output, epilogue, packed, stride, .. } = operands;
        let patch = patch(stride);
        let block = factors.block();
        let total = output.height.div_ceil(OUTPUT) * output.width.div_ceil(OUTPUT);
        let tile_floats = patch * patch * input.blocks() * block;
        let most = (POINTS_FLOATS / tile_floats).clamp(*TILES.start(), *TILES.end());
        // More tasks by fewer tiles, down to one full kernel; then by groups, each of which transforms the input again.
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
            stride,
            patch,
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
        self.points() * (self.point_stride() + self.sum_stride() + LANES)
    }

    fn points(&self) -> usize {
        self.patch * self.patch
    }

    /// The points that a panel serves.
    fn points_of(&self, panel: usize) -> impl Iterator<Item = usize> {
        let patch = self.patch;
        // On each side, the last panel serves all remaining points.
        let of_side = |panel: usize| match panel + 1 {
            PANELS => panel..patch,
            next => panel..next,
        };
        let (rows, columns) = (of_side(panel / PANELS), of_side(panel % PANELS));
        rows.flat_map(move |row| columns.clone().map(move |column| row * patch + column))
    }

    /// Floats from one point of a task's transformed input to the next.
    fn point_stride(&self) -> usize {
        odd_lines(self.input.blocks() * self.tiles * self.block)
    }

    /// Floats from one point of a group's sums to the next.
    fn sum_stride(&self) -> usize {
        odd_lines(2 * self.tiles * LANES)
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let tiles_across = self.output.width.div_ceil(OUTPUT);
        let total = self.output.height.div_ceil(OUTPUT) * tiles_across;
        let tiles = split(total, self.tile_parts, task / self.group_parts);
        let groups = split(self.output.blocks().div_ceil(2), self.group_parts, task % self.group_parts);
        let corner = |tile: usize| [tile / tiles_across * OUTPUT, tile % tiles_across * OUTPUT];

        let point_stride = self.point_stride();
        let sums = memory.scratch.wrapping_add(self.points() * point_stride);
        let edge = sums.wrapping_add(self.points() * self.sum_stride());
        // SAFETY: the views lie in the arena, the input has a border of 1, the scratch has `scratch()` floats.
        unsafe {
            for block in 0..self.input.blocks() {
                for (index, tile) in tiles.clone().enumerate() {
                    let points = memory.scratch.add((block * self.tiles + index) * self.block);
                    self.transform_input(block, corner(tile), points, edge, memory);
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
    /// `points` has a value of this tile and block every `point_stride`, `edge` has room for a patch.
    unsafe fn transform_input(
        &self,
        block: usize,
        [row, column]: [usize; 2],
        points: *mut f32,
        edge: *mut f32,
        memory: &Memory,
    ) {
        let view = &self.input;
        let (row, column) = (row * self.stride, column * self.stride);
        let kernels = memory.kernels;
        let transform = kernels.input_transform(self.stride, view.block, self.block);
        let point_stride = self.point_stride();
        // SAFETY: a whole patch lies within the border; of one at the edge, only the part within it is copied.
        unsafe {
            let patch = memory.arena.add(view.at(block, row, column) - view.row_stride - view.block);
            let (rows, columns) = (view.height + 2 - row, view.width + 2 - column);
            if rows >= self.patch && columns >= self.patch {
                return transform(patch, view.row_stride, points, point_stride);
            }
            edge.write_bytes(0, self.points() * LANES);
            let edge_row = self.patch * view.block;
            for row in 0..rows.min(self.patch) {
                edge.add(row * edge_row)
                    .copy_from_nonoverlapping(patch.add(row * view.row_stride), columns.min(self.patch) * view.block);
            }
            transform(edge, edge_row, points, point_stride);
        }
    }

    /// The products of one group at all points.
    ///
    /// # Safety
    /// The scratch holds the points of `tiles` tiles; `sums` has room for theirs.
    unsafe fn multiply(&self, group: usize, blocks: usize, tiles: usize, sums: *mut f32, memory: &Memory) {
        let kernels = memory.kernels.tiles(self.block, 1);
        let at_once = if kernels.double.is_empty() { 1 } else { blocks };
        let kernels = kernels.of(at_once);
        let parts = tiles.div_ceil(kernels.len());
        let depth = self.input.blocks() * self.block;
        for panel in 0..PANELS * PANELS {
            let weights = self.packed.weights
                + group * self.packed.group_stride
                + panel * (depth + PANEL_PADDING) * blocks * LANES;
            for (point, block) in
                self.points_of(panel).flat_map(|point| (0..blocks).step_by(at_once).map(move |block| (point, block)))
            {
                for part in 0..parts {
                    let columns = split(tiles, parts, part);
                    let product = Tile {
                        input: memory.scratch.wrapping_add(point * self.point_stride() + columns.start * self.block),
                        taps: self.taps.as_ptr(),
                        tap_count: self.taps.len(),
                        fetch_ahead: false,
                        depth: self.block,
                        weights: memory.weights.wrapping_add(weights + block * LANES),
                        weight_stride: blocks * LANES,
                        start: Start::Bias(ZEROS.as_ptr()),
                        output: sums
                            .wrapping_add(point * self.sum_stride() + (block * self.tiles + columns.start) * LANES),
                        output_stride: self.tiles * LANES,
                        finish: Finish::NOTHING,
                    };
                    // SAFETY: the caller's promise; the weights were packed for this group.
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
            sums,
            point_stride: self.sum_stride(),
            bias: memory.weights.wrapping_add(self.packed.bias + block * LANES),
            output: memory.arena.wrapping_add(view.at(block, row, column)),
            output_row: view.row_stride,
            finish: Finish { residual_stride: self.epilogue.residual.map_or(0, |view| view.row_stride), ..finish },
        };
        let (rows, columns) = (view.height - row, view.width - column);
        // SAFETY: a whole tile lies in the map; of one at the edge, only the part in the map is written.
        unsafe {
            if rows >= OUTPUT && columns >= OUTPUT {
                return memory.kernels.output_transform(self.stride, view.block)(&whole);
            }
            let output_row = OUTPUT * LANES;
            let without_residual = Finish { silu: finish.silu, ..Finish::NOTHING };
            memory.kernels.output_transform(self.stride, LANES)(&Inverse {
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
                    let residual = Finish { residual, ..Finish::NOTHING };
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
