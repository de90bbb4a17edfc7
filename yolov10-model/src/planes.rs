//! A picture as the network's input: letterboxed planes of red, green and blue in 0..1.

use image::RgbImage;
use yolov10_cpu::InputPlanes;

use crate::letterbox::Letterbox;
use crate::resample::Resampler;
use crate::size::{RGB, Size};

/// White, in the pictures' levels.
const WHITE: f32 = 255.0;

/// Letterboxes `image` into the engine's own input planes, RGB in 0..1.
pub fn fill_planes(resampler: &mut Resampler, image: &RgbImage, letterbox: &Letterbox, mut planes: InputPlanes<'_>) {
    resampler.rows(image, letterbox, 0..letterbox.input.height, |y, row| {
        for channel in 0..RGB {
            normalize(row, channel, planes.row_mut(channel, y));
        }
    });
}

/// The same into planes `[3, H, W]` one after another.
pub fn contiguous_planes(resampler: &mut Resampler, image: &RgbImage, letterbox: &Letterbox) -> Vec<f32> {
    let Size { height, width } = letterbox.input;
    let mut planes = vec![0.0; RGB * height * width];
    resampler.rows(image, letterbox, 0..height, |y, row| {
        for channel in 0..RGB {
            normalize(row, channel, &mut planes[(channel * height + y) * width..][..width]);
        }
    });
    planes
}

/// One channel of a row of RGB levels, 0..255, to 0..1.
fn normalize(row: &[u8], channel: usize, values: &mut [f32]) {
    let (pixels, _) = row.as_chunks::<RGB>();
    for (value, pixel) in values.iter_mut().zip(pixels) {
        *value = f32::from(pixel[channel]) / WHITE;
    }
}
