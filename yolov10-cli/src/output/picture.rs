//! Writes pictures, in their original format if possible.

use std::io::Cursor;

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage};
use yolov10_media::encode_jpeg;

use super::RunFolder;

/// Formats that can be written; everything else becomes a PNG. WebP is written lossless.
const WRITABLE: [&str; 7] = ["bmp", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// The extension to write for a picture with this extension.
pub fn extension_for(extension: &str) -> &str {
    match extension {
        "jfif" | "jpe" | "mpo" => "jpg",
        extension if WRITABLE.contains(&extension) => extension,
        _ => "png",
    }
}

/// Writes a picture in the format that the extension of `name` says.
pub fn save_picture(folder: &RunFolder, name: &str, picture: &RgbImage) -> Result<()> {
    let path = || folder.path_of(name).display().to_string();
    let format = ImageFormat::from_path(name).with_context(path)?;
    let bytes = match format {
        ImageFormat::Jpeg => encode_jpeg(picture).with_context(path)?,
        other => {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, other).with_context(path)?;
            bytes.into_inner()
        }
    };
    folder.write(name, &bytes)
}
