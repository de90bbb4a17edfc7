//! The pixels of a letterbox one by one: what the kernels are compared with.

use std::ops::Range;

use image::RgbImage;

use super::Tap;
use crate::letterbox::{Letterbox, PAD};
use crate::pixels::Pixels;
use crate::size::RGB;

/// Calls `emit(y, row)` for each row of the input that `letterbox` describes; a row is RGB, 0..255.
pub fn rows(image: &RgbImage, letterbox: &Letterbox, mut emit: impl FnMut(usize, &[u8])) {
    let (scaled, source) = (letterbox.scaled, letterbox.image);
    let columns: Vec<Tap> = (0..scaled.width).map(|x| Tap::column(x, scaled.width, source.width)).collect();
    let picture = letterbox.left * RGB..(letterbox.left + scaled.width) * RGB;
    for y in 0..letterbox.input.height {
        let mut output = vec![PAD; letterbox.input.width * RGB];
        if (letterbox.top..letterbox.top + scaled.height).contains(&y) {
            let tap = Tap::new(y - letterbox.top, scaled.height, source.height);
            resize_row(image, &columns, tap, &mut output[Range::clone(&picture)]);
        }
        emit(y, &output);
    }
}

fn resize_row(image: &RgbImage, columns: &[Tap], tap: Tap, output: &mut [u8]) {
    let last = i64::from(image.height()) - 1;
    let [above, below] = [tap.start, tap.start + 1].map(|row| {
        let row = Pixels::from(image).row(row.clamp(0, last) as usize);
        horizontal_pass(row, columns)
    });
    let [weight_above, weight_below] = tap.weights;
    for (level, (above, below)) in output.iter_mut().zip(above.iter().zip(&below)) {
        let sum = ((weight_above * (above >> 4)) >> 16) + ((weight_below * (below >> 4)) >> 16);
        *level = ((sum + 2) >> 2) as u8;
    }
}

fn horizontal_pass(row: &[u8], columns: &[Tap]) -> Vec<i32> {
    let mut passed = vec![0; columns.len() * RGB];
    let (pixels, _) = passed.as_chunks_mut::<RGB>();
    for (pixel, tap) in pixels.iter_mut().zip(columns) {
        let left = tap.start as usize * RGB;
        let [weight_left, weight_right] = tap.weights;
        // At the right edge the second weight is 0, so any pixel will do.
        let right = (left + RGB).min(row.len() - RGB);
        for channel in 0..RGB {
            pixel[channel] =
                i32::from(row[left + channel]) * weight_left + i32::from(row[right + channel]) * weight_right;
        }
    }
    passed
}
