//! JPEG, by a port of the decoder that OpenCV has.
//!
//! OpenCV reads JPEG with libjpeg-turbo, whose rounding other decoders do not share: up to 5 levels of difference in
//! every tenth value of a picture with subsampled colour are enough to move scores by 0.01. Damage is filled as
//! libjpeg fills it; a file that has no end is not read, as OpenCV does not read it.

use image::RgbImage;
use image::metadata::Orientation;
use libjpeg_turbo_rs::{DecodeLimits, DecodeWarning, Decoder, Image, PixelFormat};

use super::budget::Budget;
use super::still::peak;
use super::{Head, Raw};
use crate::error::Error;
use crate::size::Size;

/// Passes over the picture at most. Encoders write ten; a tiny file of thousands would take minutes.
const MOST_SCANS: usize = 100;
/// Where the entropy-coded data begins, and where a picture ends.
const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

pub fn head(bytes: &[u8], budget: &Budget) -> Result<Head, Error> {
    open(bytes, budget).map(|(head, _)| head)
}

pub fn decode(bytes: &[u8], budget: &Budget) -> Result<Raw, Error> {
    let (Head { orientation, .. }, mut decoder) = open(bytes, budget)?;
    decoder.set_output_format(if is_cmyk(&decoder) { PixelFormat::Cmyk } else { PixelFormat::Rgb });
    let (image, damage) = match decoder.decode_image() {
        Ok(image) => (image, None),
        // The way that takes damage is slower, and few files need it.
        Err(_) => {
            decoder.set_lenient(true);
            let image = decoder.decode_image().map_err(Error::not_a_picture)?;
            let damage = damage(&image.warnings);
            if !has_end(bytes) {
                return Err(Error::not_a_picture(format!("the JPEG is cut off: {damage}")));
            }
            (image, Some(damage))
        }
    };
    Ok(Raw { pixels: to_rgb(image), orientation, damage })
}

/// A decoder whose picture fits the budget.
fn open<'a>(bytes: &'a [u8], budget: &Budget) -> Result<(Head, Decoder<'a>), Error> {
    let mut limits = DecodeLimits::default();
    limits.max_scans = MOST_SCANS;
    // Below, with what this decoder is known to take: its own estimate counts planes that it does not have.
    limits.max_pixels = u64::MAX;
    let decoder = Decoder::new_with_limits(bytes, limits).map_err(Error::not_a_picture)?;
    let size = Size { height: decoder.header().height(), width: decoder.header().width() };
    let orientation = decoder.exif_orientation().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    budget.admit(size, peak(bytes_per_pixel(&decoder), orientation), bytes.len())?;
    Ok((Head { size, orientation }, decoder))
}

/// What decoding takes at most: the picture, a plane for each component, their coefficients if there are many scans,
/// and planes of full size where colour is sampled in an unusual way.
fn bytes_per_pixel(decoder: &Decoder<'_>) -> f64 {
    let components = &decoder.header().components;
    let largest = |side: fn(&libjpeg_turbo_rs::ComponentInfo) -> u8| components.iter().map(side).max().unwrap_or(1);
    let area = f64::from(largest(|of| of.horizontal_sampling)) * f64::from(largest(|of| of.vertical_sampling));
    let samples: f64 = components
        .iter()
        .map(|of| f64::from(of.horizontal_sampling) * f64::from(of.vertical_sampling) / area.max(1.0))
        .sum();
    let coefficients = if decoder.has_multiple_scans() { 2.05 * samples } else { 0.0 };
    let is_usual = matches!(components.len(), 1 | 3) && decoder.header().precision == 8;
    let (picture, full_planes) = if is_usual { (3.0, 0.0) } else { (7.0, 2.0 * components.len() as f64) };
    picture + samples + coefficients + full_planes
}

fn is_cmyk(decoder: &Decoder<'_>) -> bool {
    decoder.header().components.len() == 4
}

/// Three channels; of ink as OpenCV takes it off.
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

/// OpenCV's `icvCvt_CMYK2BGR_8u_C4C3R`, in its whole numbers.
fn inked(ink: u8, black: u8) -> u8 {
    let (ink, black) = (i32::from(ink), i32::from(black));
    (black - (((255 - ink) * black) >> 8)) as u8
}

/// Whether the last picture in the file comes to its end.
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
        (None, 1) => "1 of its blocks is damaged".to_owned(),
        (None, blocks) => format!("{blocks} of its blocks are damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_taken_off_as_opencv_does() {
        // From its source: 255 stays 254 for half of the rest, since the shift is by 8, not a division by 255.
        assert_eq!([inked(255, 255), inked(0, 255), inked(128, 255), inked(0, 0)], [255, 1, 129, 0]);
    }

    #[test]
    fn an_end_counts_only_after_the_last_scan() {
        assert!(has_end(b"\xff\xd8\xff\xda..\xff\xd9"));
        assert!(!has_end(b"\xff\xd8 thumbnail: \xff\xda..\xff\xd9 \xff\xda.."));
        assert!(!has_end(b""));
    }
}
