//! Pictures to files, in the format they came in where that can be written.

use std::path::Path;

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

use super::OutputFile;

/// JPEG quality, 1..100: that of OpenCV, and so what ultralytics users have.
const JPEG_QUALITY: u8 = 95;
/// Written as they came; everything else becomes a PNG. WebP is written without loss.
const WRITABLE: [&str; 7] = ["bmp", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// The extension of the file for a picture that came with this one.
pub fn extension_for(extension: &str) -> &str {
    if WRITABLE.contains(&extension) { extension } else { "png" }
}

/// Writes a picture in the format that the path's extension names.
pub fn save_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    let name = || path.display().to_string();
    let format = ImageFormat::from_path(path).with_context(name)?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
        other => picture.write_to(&mut bytes, other),
    }
    .with_context(name)?;
    OutputFile::write(path, &bytes.into_inner())
}
