//! Depthwise convolution of one block: each input pixel is loaded once per kernel row and used for every
//! output that it touches.

use super::lanes::Lanes;
use super::tile::{Factors, Finish};

/// Pixels of the long form of the kernel; the short form makes one.
pub(crate) const RUN: usize = 8;

/// The arguments of one call. Distances count floats.
#[derive(Clone, Copy)]
pub(crate) struct Depthwise {
    /// Top left of the first output's window.
    pub input: *const f32,
    pub row_stride: usize,
    /// `[kernel][kernel][16]`.
    pub weights: *const f32,
    pub bias: *const f32,
    pub output: *mut f32,
    pub finish: Finish,
}

pub(crate) type DepthwiseKernel = unsafe fn(&Depthwise);

/// A depthwise kernel for [`RUN`] pixels and for one.
#[derive(Clone, Copy)]
pub(crate) struct DepthwiseKernels {
    pub run: DepthwiseKernel,
    pub single: DepthwiseKernel,
}

/// # Safety
/// All that `run` points to is there, and the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn depthwise<
    V: Lanes,
    F: Factors<V>,
    const PIXELS: usize,
    const KERNEL: usize,
    const STRIDE: usize,
>(
    run: &Depthwise,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let mut sums = [V::load(run.bias); PIXELS];
        for row in 0..KERNEL {
            let input = run.input.add(row * run.row_stride);
            let mut weights = [sums[0]; KERNEL];
            for (column, weight) in weights.iter_mut().enumerate() {
                *weight = V::load(run.weights.add((row * KERNEL + column) * 16));
            }
            for position in 0..(PIXELS - 1) * STRIDE + KERNEL {
                let value = V::load(input.add(position * 16));
                for (column, &weight) in weights.iter().enumerate() {
                    let Some(distance) = position.checked_sub(column) else {
                        continue;
                    };
                    if distance % STRIDE == 0 && distance / STRIDE < PIXELS {
                        sums[distance / STRIDE] = value.mul_add(weight, sums[distance / STRIDE]);
                    }
                }
            }
        }
        for (pixel, sum) in sums.into_iter().enumerate() {
            F::store(run.finish.apply(sum, pixel * 16), run.output.add(pixel * F::BLOCK));
        }
    }
}
