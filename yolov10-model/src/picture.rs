//! Picture files: decoded as the reference's OpenCV does, to upright 8-bit RGB.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use libjpeg_turbo_rs::{PixelFormat, decompress_to};

use crate::error::Error;

/// Bytes of one decoded picture at most: an attack by a tiny file that unfolds to gigabytes ends here.
const LARGEST_PICTURE: u64 = 2 << 30;

/// Reads a picture file; the format is told by its content, not by its name.
///
/// # Errors
/// The file can't be read, or is not a whole picture in a known format.
pub fn open_picture(path: &Path) -> Result<RgbImage, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
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
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(LARGEST_PICTURE);
    decoder.set_limits(limits).map_err(failed)?;
    // A broken EXIF block must not cost the picture: OpenCV ignores it, too.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = match decoder.color_type() {
        ColorType::Rgb8 | ColorType::L8 if is_jpeg => jpeg(bytes)?,
        _ => DynamicImage::from_decoder(decoder).map_err(failed)?,
    };
    picture.apply_orientation(orientation);
    Ok(to_rgb8(picture))
}

/// OpenCV reads JPEG with libjpeg-turbo, whose rounding other decoders do not share: up to 5 levels of difference in
/// every tenth value of a picture with subsampled colour are enough to move scores by 0.01.
fn jpeg(bytes: &[u8]) -> Result<DynamicImage, Error> {
    let failed = |error: libjpeg_turbo_rs::JpegError| Error::NotAPicture { reason: error.to_string() };
    let decoded = decompress_to(bytes, PixelFormat::Rgb).map_err(failed)?;
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    let picture = RgbImage::from_raw(width, height, decoded.data).expect("the decoder fills the picture");
    Ok(DynamicImage::ImageRgb8(picture))
}

fn to_rgb8(picture: DynamicImage) -> RgbImage {
    let high_byte = |level: u16| (level >> 8) as u8;
    match picture {
        DynamicImage::ImageRgb16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb(wide.get_pixel(x, y).0.map(high_byte)))
        }
        DynamicImage::ImageRgba16(wide) => RgbImage::from_fn(wide.width(), wide.height(), |x, y| {
            let [red, green, blue, _] = wide.get_pixel(x, y).0.map(high_byte);
            image::Rgb([red, green, blue])
        }),
        DynamicImage::ImageLuma16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3]))
        }
        DynamicImage::ImageLumaA16(wide) => {
            RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb([high_byte(wide.get_pixel(x, y).0[0]); 3]))
        }
        eight_bits => eight_bits.into_rgb8(),
    }
}
