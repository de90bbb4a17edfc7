//! Pictures as JPEG, as OpenCV writes them by default: quality 95, colour at half the size, the same bytes.

use image::RgbImage;
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};
use yolov10_model::Size;

use crate::error::Error;

/// Quality, 1..100: OpenCV's, and so that of ultralytics.
const QUALITY: u8 = 95;

/// A JPEG file of `picture`.
///
/// # Errors
/// A side is longer than JPEG allows.
pub fn encode_jpeg(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let Size { height, width } = Size::of(picture);
    compress(picture, width, height, PixelFormat::Rgb, QUALITY, Subsampling::S420)
        .map_err(|error| Error::NoJpeg { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_nearly_what_was_there() {
        let picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([(4 * x) as u8, (5 * y) as u8, 128]));
        let bytes = encode_jpeg(&picture).expect("a small picture");
        let again = yolov10_model::picture::decode_picture(&bytes).expect("a JPEG");
        let worst = picture.iter().zip(again.iter()).map(|(one, other)| one.abs_diff(*other)).max();
        // Colour at half the size blurs a slope this steep by that much.
        assert!(worst <= Some(8), "{worst:?}");
    }

    #[test]
    fn a_picture_that_no_jpeg_can_hold_is_an_error() {
        let error = encode_jpeg(&RgbImage::new(65536, 1)).expect_err("too wide");
        assert!(matches!(error, Error::NoJpeg { .. }), "{error}");
    }
}
