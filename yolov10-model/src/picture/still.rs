//! PNG, BMP and the first frame of a GIF, by the `image` crate.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::budget::Budget;
use super::eight_bits::to_rgb8;
use super::{Head, Kind, Raw};
use crate::error::Error;
use crate::size::Size;

/// Bytes of 8-bit RGB.
const RGB8: f64 = 3.0;

pub fn head(bytes: &[u8], kind: Kind, budget: &Budget) -> Result<Head, Error> {
    open(bytes, kind, budget).map(|(head, _)| head)
}

pub fn decode(bytes: &[u8], kind: Kind, budget: &Budget) -> Result<Raw, Error> {
    let (Head { orientation, .. }, decoder) = open(bytes, kind, budget)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(Error::not_a_picture)?;
    Ok(Raw { pixels: to_rgb8(picture), orientation, damage: None })
}

/// A decoder whose picture fits the budget.
fn open<'a>(bytes: &'a [u8], kind: Kind, budget: &Budget) -> Result<(Head, impl ImageDecoder + 'a), Error> {
    let format = match kind {
        Kind::Bmp => ImageFormat::Bmp,
        Kind::Gif => ImageFormat::Gif,
        _ => ImageFormat::Png,
    };
    let declared = (kind == Kind::Png).then(|| png_size(bytes)).transpose()?;
    if let Some(size) = declared {
        // The decoder allocates a row when it is opened.
        budget.admit(size, RGB8, bytes.len())?;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // What decoders hold besides the picture: rows, text, profiles, a frame that does not lie in the picture.
    let spare = declared.map_or(budget.bytes, |size| budget.rest(size, RGB8, bytes.len()));
    reader.limits(limits(spare));
    let mut decoder = reader.into_decoder().map_err(Error::not_a_picture)?;
    let (width, height) = decoder.dimensions();
    let size = Size { height: height as usize, width: width as usize };
    // A broken EXIF block must not cost the picture; OpenCV ignores it, too.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let held = f64::from(decoder.color_type().bytes_per_pixel());
    let converted = if decoder.color_type() == ColorType::Rgb8 { held } else { held + RGB8 };
    let per_pixel = peak(converted, orientation);
    budget.admit(size, per_pixel, bytes.len())?;
    decoder.set_limits(limits(budget.rest(size, per_pixel, bytes.len()))).map_err(Error::not_a_picture)?;
    Ok((Head { size, orientation }, decoder))
}

/// The most bytes per pixel: while the picture is decoded, or while it is turned.
pub fn peak(decoding: f64, orientation: Orientation) -> f64 {
    if orientation == Orientation::NoTransforms { decoding } else { decoding.max(2.0 * RGB8) }
}

fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

/// The size in a PNG's first chunk.
fn png_size(bytes: &[u8]) -> Result<Size, Error> {
    let side = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    match (side(16), side(20)) {
        (Some(width), Some(height)) => Ok(Size { height: height as usize, width: width as usize }),
        _ => Err(Error::not_a_picture("the PNG ends in its head")),
    }
}
