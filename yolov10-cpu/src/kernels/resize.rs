//! One row of a resized 8-bit RGB picture, between two of its rows, as planes of floats: plain loops, which run everywhere
//! and are the reference for instruction sets with a kernel of their own.
//!
//! It matches OpenCV's `resize(INTER_LINEAR)` to the last bit: weights of 11 bits, first across in 32-bit integers, then
//! down, with 4 and 16 bits dropped before the sum. Four channels are carried because they fit registers; the fourth has
//! no meaning.

/// A column of the result between two columns of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Column {
    /// The left one. If there is no column to its right, that weight is 0.
    pub left: u32,
    /// Weights of the left and the right one, in 1/2048; their sum is 2048, or off by 1.
    pub weights: [i16; 2],
}

/// A row of the result between two rows of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Both rows: levels of red, green and blue, pixel by pixel.
    pub between: [&'a [u8]; 2],
    /// Weights of the upper and the lower one, in 1/2048; their sum is 2048, or off by 1.
    pub weights: [i16; 2],
}

/// Writes a row of as many pixels as there are columns into planes of red, green and blue.
pub(crate) type ResizeRow = unsafe fn(row: &Row<'_>, columns: &[Column], planes: &mut [&mut [f32]; RGB]);

pub(crate) const RGB: usize = 3;
/// Channels that are carried.
const CHANNELS: usize = 4;
/// Columns at a time.
const BLOCK: usize = 64;
/// White, in the picture's levels.
pub(super) const WHITE: f32 = 255.0;

#[inline(always)]
pub(super) fn resize_row(row: &Row<'_>, columns: &[Column], planes: &mut [&mut [f32]; RGB]) {
    let mut across = [[0; BLOCK * CHANNELS]; 2];
    let mut pixels = [0; BLOCK];
    for (block, columns) in columns.chunks(BLOCK).enumerate() {
        for (levels, across) in row.between.into_iter().zip(&mut across) {
            resize_across(levels, columns, across);
        }
        resize_down(&across, row.weights, &mut pixels);
        for (channel, plane) in planes.iter_mut().enumerate() {
            let plane = &mut plane[block * BLOCK..][..columns.len()];
            for (value, pixel) in plane.iter_mut().zip(&pixels) {
                let level = pixel >> (8 * channel) & 0xFF;
                *value = level.cast_signed() as f32 / WHITE;
            }
        }
    }
}

/// Levels in 1/128: 4 of the weights' 11 bits are dropped.
#[inline(always)]
fn resize_across(levels: &[u8], columns: &[Column], across: &mut [i16; BLOCK * CHANNELS]) {
    let (pixels, _) = across.as_chunks_mut::<CHANNELS>();
    for (pixel, column) in pixels.iter_mut().zip(columns) {
        let left = column.left as usize * RGB;
        let [left_weight, right_weight] = column.weights.map(i32::from);
        let weigh =
            |left: u8, right: u8| ((i32::from(left) * left_weight + i32::from(right) * right_weight) >> 4) as i16;
        if let Some(window) = levels.get(left..left + RGB + CHANNELS) {
            for channel in 0..CHANNELS {
                pixel[channel] = weigh(window[channel], window[RGB + channel]);
            }
        } else {
            // At the right edge the second weight is 0, so any pixel will do.
            let right = (left + RGB).min(levels.len() - RGB);
            for channel in 0..RGB {
                pixel[channel] = weigh(levels[left + channel], levels[right + channel]);
            }
        }
    }
}

/// Whole levels, the four of a pixel in one word.
#[inline(always)]
fn resize_down(across: &[[i16; BLOCK * CHANNELS]; 2], weights: [i16; 2], pixels: &mut [u32; BLOCK]) {
    let mut levels = [0; BLOCK * CHANNELS];
    let weigh = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    for (index, level) in levels.iter_mut().enumerate() {
        let sum = weigh(across[0][index], weights[0]) + weigh(across[1][index], weights[1]);
        *level = ((sum + 2) >> 2) as u8;
    }
    for (pixel, levels) in pixels.iter_mut().zip(levels.as_chunks().0) {
        *pixel = u32::from_le_bytes(*levels);
    }
}
