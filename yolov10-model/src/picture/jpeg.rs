//! JPEG, by a port of the decoder that OpenCV uses.
//!
//! OpenCV reads JPEG with libjpeg-turbo, whose rounding no other decoder shares: differences of up to 5 levels in every
//! tenth value of a picture with subsampled colour are enough to move scores by 0.01. Damaged parts are filled as libjpeg
//! fills them; a file without an end is refused, as by OpenCV.

use image::RgbImage;
use image::metadata::Orientation;
use libjpeg_turbo_rs::{DecodeLimits, DecodeWarning, Decoder, Image, ImageInfo, JpegError, PixelFormat};

use super::budget::Budget;
use super::resync::resynced;
use super::scans::without_damaged;
use super::still::peak;
use super::{Head, Raw};
use crate::error::Error;
use crate::size::Size;

/// The most passes over the picture. Encoders write ten; a tiny file with thousands would take minutes.
const MOST_SCANS: usize = 64;
/// Bytes of a coefficient, and a little for the blocks at the edges.
const COEFFICIENT: f64 = 2.05;
/// Bytes of a pixel as RGB, and as CMYK or 12-bit samples together with RGB.
const USUAL: f64 = 3.0;
const UNUSUAL: f64 = 7.0;
/// The markers where entropy-coded data begins and where a picture ends.
const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

pub fn head(bytes: &[u8], budget: &Budget) -> Result<Head, Error> {
    open(bytes, budget).map(|(head, _)| head)
}

pub fn decode(bytes: &[u8], budget: &Budget, room: Vec<u8>) -> Result<Raw, Error> {
    let (Head { orientation, .. }, mut decoder) = open(bytes, budget)?;
    let format = if decoder.header().components.len() == 4 { PixelFormat::Cmyk } else { PixelFormat::Rgb };
    decoder.set_output_format(format);
    let (pixels, damage) = match decode_whole(&decoder, format, room) {
        Ok(pixels) => (pixels, None),
        // Decoding that tolerates damage is slower, and few files need it.
        Err(_) => {
            let image = decode_damaged(bytes, format)?;
            let damage = damage(&image.warnings);
            if !has_end(bytes) {
                return Err(Error::not_a_picture(format!("the JPEG is cut off: {damage}")));
            }
            (to_rgb(image), Some(damage))
        }
    };
    Ok(Raw { pixels, orientation, damage })
}

/// The picture, if all of it can be read; in `room`, if that is large enough for its RGB.
fn decode_whole(decoder: &Decoder<'_>, format: PixelFormat, mut room: Vec<u8>) -> Result<RgbImage, JpegError> {
    let needed = decoder.output_buffer_size()?;
    if format != PixelFormat::Rgb || room.capacity() < needed {
        return decoder.decode_image().map(to_rgb);
    }
    room.resize(needed, 0);
    let ImageInfo { width, height, .. } = decoder.decode_image_into(&mut room)?;
    Ok(RgbImage::from_raw(width as u32, height as u32, room).expect("the decoder fills the picture"))
}

/// The picture with the damaged parts filled.
fn decode_damaged(bytes: &[u8], format: PixelFormat) -> Result<Image, Error> {
    let file = resynced(bytes).unwrap_or_else(|| bytes.to_vec());
    decode_leniently(&file, format)
        .or_else(|error| without_damaged(file, |file| decode_leniently(file, format).ok()).ok_or(error))
}

fn decode_leniently(bytes: &[u8], format: PixelFormat) -> Result<Image, Error> {
    let mut decoder = Decoder::new_with_limits(bytes, limits()).map_err(Error::not_a_picture)?;
    decoder.set_output_format(format);
    decoder.set_lenient(true);
    decoder.decode_image().map_err(Error::not_a_picture)
}

/// The decoder's own limits; the budget for the picture is checked here instead.
pub fn limits() -> DecodeLimits {
    DecodeLimits { max_scans: MOST_SCANS, max_pixels: u64::MAX, ..DecodeLimits::default() }
}

/// A decoder whose picture fits the budget.
fn open<'a>(bytes: &'a [u8], budget: &Budget) -> Result<(Head, Decoder<'a>), Error> {
    let decoder = Decoder::new_with_limits(bytes, limits()).map_err(Error::not_a_picture)?;
    let size = Size { height: decoder.header().height(), width: decoder.header().width() };
    let orientation = decoder.exif_orientation().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    // A damaged file is held twice: as it is, and mended.
    budget.admit(size, peak(bytes_per_pixel(&decoder), orientation), 2 * bytes.len())?;
    Ok((Head { size, orientation }, decoder))
}

/// What decoding takes at most: the picture, a plane for each component, their coefficients if there are many scans,
/// and planes of full size if colour is stored in an unusual way.
fn bytes_per_pixel(decoder: &Decoder<'_>) -> f64 {
    let components = &decoder.header().components;
    let largest = |side: fn(&libjpeg_turbo_rs::ComponentInfo) -> u8| components.iter().map(side).max().unwrap_or(1);
    let area = f64::from(largest(|of| of.horizontal_sampling)) * f64::from(largest(|of| of.vertical_sampling));
    let samples: f64 = components
        .iter()
        .map(|of| f64::from(of.horizontal_sampling) * f64::from(of.vertical_sampling) / area.max(1.0))
        .sum();
    let coefficients =
        if decoder.has_multiple_scans() || decoder.is_arithmetic() { COEFFICIENT * samples } else { 0.0 };
    let is_usual = matches!(components.len(), 1 | 3) && decoder.header().precision == 8;
    let (picture, full_planes) = if is_usual { (USUAL, 0.0) } else { (UNUSUAL, 2.0 * components.len() as f64) };
    picture + samples + coefficients + full_planes
}

/// Three channels; CMYK is converted as in OpenCV.
fn to_rgb(image: Image) -> RgbImage {
    let (width, height) = (image.width as u32, image.height as u32);
    let pixels = match image.pixel_format {
        PixelFormat::Cmyk => {
            let rgb =
                |[cyan, magenta, yellow, black]: &[u8; 4]| [*cyan, *magenta, *yellow].map(|ink| inked(ink, *black));
            image.data.as_chunks().0.iter().flat_map(rgb).collect()
        }
        _ => image.data,
    };
    RgbImage::from_raw(width, height, pixels).expect("the decoder fills the picture")
}

/// OpenCV's `icvCvt_CMYK2BGR_8u_C4C3R`, in the same integers.
fn inked(ink: u8, black: u8) -> u8 {
    let (ink, black) = (i32::from(ink), i32::from(black));
    (black - (((255 - ink) * black) >> 8)) as u8
}

/// Whether the last picture in the file has an end.
fn has_end(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last(END_OF_IMAGE) > last(START_OF_SCAN)
}

/// What could not be read, in a line.
fn damage(warnings: &[DecodeWarning]) -> String {
    let count = |warning: &DecodeWarning| match warning {
        DecodeWarning::HuffmanError { .. } => 1,
        DecodeWarning::WarningsSuppressed { count } => *count,
        _ => 0,
    };
    let blocks: usize = warnings.iter().map(count).sum();
    let short = warnings.iter().find_map(|warning| match warning {
        DecodeWarning::TruncatedData { decoded_mcus, total_mcus } => Some((decoded_mcus, total_mcus)),
        _ => None,
    });
    match (short, blocks) {
        (Some((decoded, total)), _) => format!("its data runs short after {decoded} of {total} blocks"),
        (None, 0) => "not everything could be read".to_owned(),
        (None, 1) => "1 of its blocks is damaged".to_owned(),
        (None, blocks) => format!("{blocks} of its blocks are damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_taken_off_as_opencv_does() {
        // From its source, which shifts by 8 instead of dividing by 255.
        assert_eq!([inked(255, 255), inked(0, 255), inked(128, 255), inked(0, 0)], [255, 1, 129, 0]);
    }

    #[test]
    fn an_end_counts_only_after_the_last_scan() {
        assert!(has_end(b"\xff\xd8\xff\xda..\xff\xd9"));
        assert!(!has_end(b"\xff\xd8 thumbnail: \xff\xda..\xff\xd9 \xff\xda.."));
        assert!(!has_end(b""));
    }
}
