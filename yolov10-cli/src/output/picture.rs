//! Pictures to files, in the format they came in where that can be written.

use std::io::Cursor;

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

use super::RunFolder;

/// JPEG quality, 1..100: that of OpenCV, and so what ultralytics users have.
const JPEG_QUALITY: u8 = 95;
/// Written as they came; everything else becomes a PNG. WebP is written without loss.
const WRITABLE: [&str; 7] = ["bmp", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// The extension of the file for a picture that came with this one.
pub fn extension_for(extension: &str) -> &str {
    if WRITABLE.contains(&extension) { extension } else { "png" }
}

/// Writes a picture in the format that the extension of its name within the folder says.
pub fn save_picture(folder: &RunFolder, name: &str, picture: &RgbImage) -> Result<()> {
    let path = || folder.path().join(name).display().to_string();
    let format = ImageFormat::from_path(name).with_context(path)?;
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
        other => picture.write_to(&mut bytes, other),
    }
    .with_context(path)?;
    folder.write(name, &bytes.into_inner())
}
