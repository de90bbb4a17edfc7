//! Convolutions that take the time of their bytes.

use cubecl::prelude::*;

use super::place;

/// A convolution over few channels, with its bias and activation: `[B, G * I, H, W]` by `[O, I, k, k]` to
/// `[B, O, H / stride, W / stride]`, padded by half the kernel. One unit makes one element, and sums in f32.
#[cube(launch)]
pub fn convolve_few<I: Float, O: Float>(
    input: &Tensor<I>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    output: &mut Tensor<O>,
    #[comptime] stride: usize,
    #[comptime] kernel: usize,
    #[comptime] inputs: usize,
    #[comptime] silu: bool,
    #[define(I)] _read: ElemType,
    #[define(O)] _written: ElemType,
) {
    if ABSOLUTE_POS >= place::count(&*output) {
        terminate!();
    }
    let at = place::nth(&*output, ABSOLUTE_POS);
    let groups = input.shape(1) / inputs;
    let first = at.channel / (output.shape(1) / groups) * inputs;
    let padding = kernel / 2;
    let mut sum = 0.0f32;
    for tap_y in 0..kernel {
        let row = at.y * stride + tap_y;
        if row >= padding && row < input.shape(2) + padding {
            #[unroll]
            for tap_x in 0..kernel {
                let column = at.x * stride + tap_x;
                if column >= padding && column < input.shape(3) + padding {
                    let from = place::index(input, at.sample, first, row - padding, column - padding);
                    let by = place::index(weight, at.channel, 0, tap_y, tap_x);
                    #[unroll]
                    for index in 0..inputs {
                        sum += f32::cast_from(input[from + index * input.stride(1)])
                            * weight[by + index * weight.stride(1)];
                    }
                }
            }
        }
    }
    // At last: added to first, a large one would round every product to its own size.
    sum += bias[at.channel * bias.stride(0)];
    if silu {
        sum /= 1.0 + f32::exp(-sum);
    }
    let to = place::index(&*output, at.sample, at.channel, at.y, at.x);
    output[to] = O::cast_from(sum);
}
