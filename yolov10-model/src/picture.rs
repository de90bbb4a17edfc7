//! Picture files: decoded as the reference's OpenCV does, to upright 8-bit RGB.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage, metadata::Orientation};

use crate::error::Error;

/// Bytes of one decoded picture at most: an attack by a tiny file that unfolds to gigabytes ends here.
const LARGEST_PICTURE: u64 = 2 << 30;

/// Reads a picture file; the format is told by its content, not by its name.
///
/// # Errors
/// The file can't be read, or is not a whole picture in a known format.
pub fn open_picture(path: &Path) -> Result<RgbImage, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
    decode_picture(&bytes)
}

/// Decodes a picture file's bytes: EXIF orientation applied, grey widened, alpha dropped without blending,
/// the high byte of 16 bits kept.
///
/// # Errors
/// The bytes are not a whole picture in a known format, or it is larger than 2 GiB decoded.
pub fn decode_picture(bytes: &[u8]) -> Result<RgbImage, Error> {
    let failed = |error: image::ImageError| Error::NotAPicture { reason: error.to_string() };
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("memory can be read");
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(LARGEST_PICTURE);
    decoder.set_limits(limits).map_err(failed)?;
    // A broken EXIF block must not cost the picture: OpenCV ignores it, too.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    Ok(to_rgb8(picture))
}

fn to_rgb8(picture: DynamicImage) -> RgbImage {
    let high_byte = |level: u16| (level >> 8) as u8;
    match picture {
        DynamicImage::ImageRgb16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            image::Rgb(wide.get_pixel(x, y).0.map(high_byte))
        }),
        DynamicImage::ImageRgba16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            let [red, green, blue, _] = wide.get_pixel(x, y).0.map(high_byte);
            image::Rgb([red, green, blue])
        }),
        DynamicImage::ImageLuma16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3])
        }),
        DynamicImage::ImageLumaA16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3])
        }),
        eight_bits => eight_bits.into_rgb8(),
    }
}
