//! Channels of maps: runs of them, and maps one after another. burn's own would lay them out as `[B, C, H, W]`, and then
//! anew.

use cubecl::prelude::*;

/// Maps that [`concat()`] takes at a time.
pub const PARTS: usize = 4;

/// Writes four maps `[B, C, H, W]` into `output`, one after another: as many of them as it has channels for.
#[cube(launch)]
pub fn concat<F: Float>(
    first: &Tensor<F>,
    second: &Tensor<F>,
    third: &Tensor<F>,
    fourth: &Tensor<F>,
    output: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    let channels = output.shape(1);
    let ends_first = first.shape(1);
    let ends_second = ends_first + second.shape(1);
    let ends_third = ends_second + third.shape(1);
    let height = output.shape(2);
    let width = output.shape(3);
    let position = ABSOLUTE_POS;
    if position >= output.shape(0) * channels * height * width {
        terminate!();
    }
    let channel = position % channels;
    let x = position / channels % width;
    let y = position / channels / width % height;
    let sample = position / channels / width / height;
    let to = sample * output.stride(0) + channel * output.stride(1) + y * output.stride(2) + x * output.stride(3);
    if channel < ends_first {
        output[to] = element(first, sample, channel, y, x);
    } else if channel < ends_second {
        output[to] = element(second, sample, channel - ends_first, y, x);
    } else if channel < ends_third {
        output[to] = element(third, sample, channel - ends_second, y, x);
    } else {
        output[to] = element(fourth, sample, channel - ends_third, y, x);
    }
}

#[cube]
fn element<F: Float>(map: &Tensor<F>, sample: usize, channel: usize, y: usize, x: usize) -> F {
    map[sample * map.stride(0) + channel * map.stride(1) + y * map.stride(2) + x * map.stride(3)]
}

/// Copies channels of `map`, from `start` on, to `output`, both `[B, C, H, W]`.
#[cube(launch)]
pub fn take<F: Float>(map: &Tensor<F>, output: &mut Tensor<F>, start: usize, #[define(F)] _dtype: ElemType) {
    let channels = output.shape(1);
    let height = output.shape(2);
    let width = output.shape(3);
    let position = ABSOLUTE_POS;
    if position >= output.shape(0) * channels * height * width {
        terminate!();
    }
    let channel = position % channels;
    let x = position / channels % width;
    let y = position / channels / width % height;
    let sample = position / channels / width / height;
    let to = sample * output.stride(0) + channel * output.stride(1) + y * output.stride(2) + x * output.stride(3);
    output[to] = element(map, sample, start + channel, y, x);
}
