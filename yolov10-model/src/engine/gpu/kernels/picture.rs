//! A picture to the network's input.

use cubecl::prelude::*;

/// Words before a packed picture's taps: rows and columns of the scaled picture, height and width of the input, the
/// scaled picture's top and left in it, width of the picture.
pub const HEADER_WORDS: usize = 7;
/// Words that describe one output row or column of a letterbox: two source positions and their packed weights.
pub const TAP_WORDS: usize = 3;
/// Colours of a pixel, one byte each.
const CHANNELS: usize = 3;

/// Letterboxes one packed picture (see `picture`) into sample `sample` of `input`, `[B, H, W, 3]` in 0..1.
///
/// One unit makes one pixel, in the integers of `resample`: equal to OpenCV to the last bit of a level.
#[cube(launch)]
pub fn letterbox(packed: &[u32], input: &mut Tensor<f32>, sample: usize, #[comptime] pad: u32) {
    let rows = usize::cast_from(packed[0]);
    let columns = usize::cast_from(packed[1]);
    let height = usize::cast_from(packed[2]);
    let width = usize::cast_from(packed[3]);
    let top = usize::cast_from(packed[4]);
    let left = usize::cast_from(packed[5]);
    let image_width = usize::cast_from(packed[6]);
    let pixel = ABSOLUTE_POS;
    if pixel >= height * width {
        terminate!();
    }
    let y = pixel / width;
    let x = pixel % width;
    let output = sample * input.stride(0) + y * input.stride(1) + x * input.stride(2);
    let next = input.stride(3);
    if y >= top && y < top + rows && x >= left && x < left + columns {
        let column = HEADER_WORDS + (x - left) * TAP_WORDS;
        let row = HEADER_WORDS + (columns + y - top) * TAP_WORDS;
        let pixels = HEADER_WORDS + (columns + rows) * TAP_WORDS;
        let above = usize::cast_from(packed[row]) * image_width;
        let below = usize::cast_from(packed[row + 1]) * image_width;
        let first = usize::cast_from(packed[column]);
        let second = usize::cast_from(packed[column + 1]);
        let column_weights = packed[column + 2];
        let weight_above = packed[row + 2] & 0xffff;
        let weight_below = packed[row + 2] >> 16;
        #[unroll]
        for channel in 0..CHANNELS {
            let upper = across(packed, pixels, above + first, above + second, channel, column_weights);
            let lower = across(packed, pixels, below + first, below + second, channel, column_weights);
            let sum = ((weight_above * (upper >> 4)) >> 16) + ((weight_below * (lower >> 4)) >> 16);
            input[output + next * channel] = to_unit((sum + 2) >> 2);
        }
    } else {
        #[unroll]
        for channel in 0..CHANNELS {
            input[output + next * channel] = to_unit(pad);
        }
    }
}

/// A level of 0..255 in 0..1.
#[cube]
fn to_unit(level: u32) -> f32 {
    f32::cast_from(level) / 255.0
}

/// One colour between two neighbouring pixels, in 1/2048 of a level.
#[cube]
fn across(packed: &[u32], pixels: usize, first: usize, second: usize, #[comptime] channel: usize, weights: u32) -> u32 {
    level(packed, pixels, first * CHANNELS + channel) * (weights & 0xffff)
        + level(packed, pixels, second * CHANNELS + channel) * (weights >> 16)
}

/// The byte at `index` after `pixels` words.
#[cube]
fn level(packed: &[u32], pixels: usize, index: usize) -> u32 {
    (packed[pixels + index / 4] >> u32::cast_from(index % 4 * 8)) & 0xff
}
