//! Steps that only move or compare: sums that no convolution could absorb, maximum pooling, nearest upsampling.

use super::{Grid, Memory};
use crate::layout::{LANES, View};

/// Elementwise sum.
pub(crate) struct Sum {
    left: View,
    right: View,
    output: View,
    grid: Grid,
}

impl Sum {
    pub fn new([left, right]: [View; 2], output: View) -> Sum {
        Sum { left, right, output, grid: Grid::over(&output) }
    }

    pub fn tasks(&self) -> usize {
        self.grid.tasks()
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let (block, rows) = self.grid.task(task);
        for row in rows {
            let pixels = |view: &View| memory.arena.wrapping_add(view.at(block, row, 0));
            // SAFETY: the three views lie in the arena and have rows of this width.
            unsafe {
                (memory.kernels.sum)(pixels(&self.left), pixels(&self.right), pixels(&self.output), self.output.width)
            }
        }
    }
}

/// Every pixel four times.
pub(crate) struct Upsample {
    input: View,
    output: View,
    /// Over the input.
    grid: Grid,
}

impl Upsample {
    pub fn new(input: View, output: View) -> Upsample {
        Upsample { input, output, grid: Grid::over(&input) }
    }

    pub fn tasks(&self) -> usize {
        self.grid.tasks()
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let Upsample { input, output, .. } = self;
        let (block, rows) = self.grid.task(task);
        for row in rows {
            // SAFETY: both views lie in the arena, and the output is twice as high and wide.
            unsafe {
                let source = memory.arena.add(input.at(block, row, 0));
                let target = memory.arena.add(output.at(block, 2 * row, 0));
                for column in 0..input.width {
                    let pixel = source.add(column * LANES);
                    target.add(2 * column * LANES).copy_from_nonoverlapping(pixel, LANES);
                    target.add((2 * column + 1) * LANES).copy_from_nonoverlapping(pixel, LANES);
                }
                target.add(output.row_stride).copy_from_nonoverlapping(target, output.width * LANES);
            }
        }
    }
}

/// Maximum over a square window: first over columns, then over rows.
pub(crate) struct MaxPool {
    input: View,
    output: View,
    kernel: usize,
}

impl MaxPool {
    pub fn new(input: View, output: View, kernel: usize) -> MaxPool {
        MaxPool { input, output, kernel }
    }

    pub fn tasks(&self) -> usize {
        self.output.blocks()
    }

    /// A padded row, and a plane padded above and below.
    pub fn scratch(&self) -> usize {
        let View { height, width, .. } = self.output;
        LANES * (width + self.kernel - 1 + (height + self.kernel - 1) * width)
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, block: usize, memory: &Memory) {
        let MaxPool { input, output, kernel } = *self;
        let View { height, width, .. } = output;
        let (reach, row) = (kernel / 2, width * LANES);
        let window_max = memory.kernels.window_max;
        // SAFETY: the views lie in the arena, and the scratch has `scratch()` floats.
        unsafe {
            let padded = memory.scratch;
            let plane = padded.add((width + 2 * reach) * LANES);
            std::slice::from_raw_parts_mut(padded, self.scratch()).fill(f32::NEG_INFINITY);
            for y in 0..height {
                padded.add(reach * LANES).copy_from_nonoverlapping(memory.arena.add(input.at(block, y, 0)), row);
                window_max(padded, LANES, kernel, plane.add((y + reach) * row), width);
            }
            for y in 0..height {
                window_max(plane.add(y * row), row, kernel, memory.arena.add(output.at(block, y, 0)), width);
            }
        }
    }
}
