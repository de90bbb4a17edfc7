//! Convolutions that take the time of their bytes.

use cubecl::prelude::*;

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
    let channels = output.shape(1);
    let height = output.shape(2);
    let width = output.shape(3);
    let position = ABSOLUTE_POS;
    if position >= output.shape(0) * channels * height * width {
        terminate!();
    }
    // Channels are next to each other.
    let channel = position % channels;
    let x = position / channels % width;
    let y = position / channels / width % height;
    let sample = position / channels / width / height;
    let groups = input.shape(1) / inputs;
    let first = channel / (channels / groups) * inputs;
    let padding = kernel / 2;
    let mut sum = 0.0f32;
    for tap_y in 0..kernel {
        let row = y * stride + tap_y;
        if row >= padding && row < input.shape(2) + padding {
            #[unroll]
            for tap_x in 0..kernel {
                let column = x * stride + tap_x;
                if column >= padding && column < input.shape(3) + padding {
                    let from = sample * input.stride(0)
                        + first * input.stride(1)
                        + (row - padding) * input.stride(2)
                        + (column - padding) * input.stride(3);
                    let by = channel * weight.stride(0) + tap_y * weight.stride(2) + tap_x * weight.stride(3);
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
    sum += bias[channel * bias.stride(0)];
    if silu {
        sum /= 1.0 + f32::exp(-sum);
    }
    let place = sample * output.stride(0) + channel * output.stride(1) + y * output.stride(2) + x * output.stride(3);
    output[place] = O::cast_from(sum);
}
