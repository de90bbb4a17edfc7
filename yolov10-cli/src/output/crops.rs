//! Crops: each object as its own picture, in a folder named after its class.

use anyhow::Result;
use image::{RgbImage, imageops};
use yolov10_media::file_name;
use yolov10_model::Detection;

use super::{RunFolder, save_picture};

/// A crop is larger than its box by this factor and this many pixels, as in the reference.
const GAIN: f32 = 1.02;
const MARGIN: f32 = 10.0;

/// Writes `crops/CLASS/STEM-N.jpg` for every detection; N counts from 1.
pub fn save_crops(
    folder: &RunFolder,
    stem: &str,
    picture: &RgbImage,
    detections: &[Detection],
    class_names: &[String],
) -> Result<()> {
    for (detection, number) in detections.iter().zip(1..) {
        let class = file_name(&class_names[detection.class]);
        let crop = crop(picture, detection);
        if crop.width() > 0 && crop.height() > 0 {
            save_picture(folder, &format!("crops/{class}/{stem}-{number}.jpg"), &crop)?;
        }
    }
    Ok(())
}

fn crop(picture: &RgbImage, detection: &Detection) -> RgbImage {
    let rect = detection.rect;
    let side = |low: f32, high: f32, length: u32| {
        let (middle, half) = ((low + high) / 2.0, ((high - low) * GAIN + MARGIN) / 2.0);
        let inside = |edge: f32| edge.clamp(0.0, length as f32) as u32;
        (inside(middle - half), inside(middle + half))
    };
    let (left, right) = side(rect.x1, rect.x2, picture.width());
    let (top, bottom) = side(rect.y1, rect.y2, picture.height());
    imageops::crop_imm(picture, left, top, right - left, bottom - top).to_image()
}
