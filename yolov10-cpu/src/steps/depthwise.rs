//! Depthwise convolution: each channel has its own small kernel; a block of channels is computed at a time.

use super::direct::Operands;
use super::{Grid, Memory};
use crate::kernels::{self, RUN};
use crate::layout::LANES;

pub(crate) struct Depthwise {
    operands: Operands,
    grid: Grid,
}

impl Depthwise {
    pub fn new(operands: Operands) -> Depthwise {
        Depthwise { grid: Grid::over(&operands.output), operands }
    }

    pub fn tasks(&self) -> usize {
        self.grid.tasks()
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let Operands { input, output, epilogue, packed, kernel, stride } = self.operands;
        let (block, rows) = self.grid.task(task);
        let kernels = memory.kernels.depthwise(kernel, stride, output.block);
        let padding = kernel / 2 * (input.row_stride + input.block);
        let (function, pixels) = if output.width >= RUN { (kernels.run, RUN) } else { (kernels.single, 1) };
        for row in rows {
            for start in (0..output.width).step_by(pixels) {
                // The last run is moved back over the one before, and writes some pixels again.
                let column = start.min(output.width - pixels);
                let window = input.at(block, row * stride, column * stride) - padding;
                let arguments = kernels::Depthwise {
                    input: memory.arena.wrapping_add(window),
                    row_stride: input.row_stride,
                    weights: memory.weights.wrapping_add(packed.weights + block * kernel * kernel * LANES),
                    bias: memory.weights.wrapping_add(packed.bias + block * LANES),
                    output: memory.arena.wrapping_add(output.at(block, row, column)),
                    finish: epilogue.at(memory, block, row, column),
                };
                // SAFETY: the views lie in the arena and the input's border is as wide as the padding.
                unsafe { function(&arguments) }
            }
        }
    }
}
