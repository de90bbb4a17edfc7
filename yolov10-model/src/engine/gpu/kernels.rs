//! Our own device code: what burn has no operation for.
//!
//! Both kernels are written for shapes that never change from picture to picture, so that a graph can hold the second.
//! They find elements by a tensor's strides: where one row ends and the next begins is the device's choice, and on CUDA burn
//! rounds a row up to a power of two or a multiple of 512 bytes.
#![allow(missing_docs, reason = "the macro makes a module for each kernel")]

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

/// For each sample, the numbers of its `count` best anchors, best first, the lower number first among equals.
///
/// `best` is `[B, anchors]`, `ranked` `[B, count]`. An anchor's rank is how many are better. Each anchor counts for itself,
/// so there is nothing to synchronise, allocate or sort.
#[cube(launch)]
pub fn rank<F: Float>(best: &Tensor<F>, ranked: &mut Tensor<i32>, #[define(F)] _dtype: ElemType) {
    let anchors = best.shape(1);
    let position = ABSOLUTE_POS;
    if position >= best.shape(0) * anchors {
        terminate!();
    }
    let sample = position / anchors;
    let number = position % anchors;
    let start = sample * best.stride(0);
    let next = best.stride(1);
    let own = best[start + number * next];
    let mut rank = 0;
    for other in 0..anchors {
        let value = best[start + other * next];
        if value > own || (value == own && other < number) {
            rank += 1;
        }
    }
    if rank < ranked.shape(1) {
        let place = sample * ranked.stride(0) + rank * ranked.stride(1);
        ranked[place] = i32::cast_from(number);
    }
}
