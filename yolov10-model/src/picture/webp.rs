//! WebP stills, by `image-webp` directly: its memory limit can't be set through the `image` crate.

use std::io::Cursor;

use image::RgbImage;
use image::metadata::Orientation;
use image_webp::WebPDecoder;

use super::budget::Budget;
use super::eight_bits::without_alpha;
use super::still::peak;
use super::{Head, Raw};
use crate::error::Error;
use crate::size::Size;

/// Bytes per pixel at most, without and with alpha: planes or RGBA, the alpha plane's own decoding, the picture.
const OPAQUE: f64 = 8.0;
const TRANSPARENT: f64 = 11.0;
/// The canvas, a frame with its planes, the frame as shown, and that as RGB.
pub const ANIMATED: f64 = 20.0;

pub fn head(bytes: &[u8], budget: &Budget) -> Result<Head, Error> {
    open(bytes, budget).map(|(head, _)| head)
}

pub fn decode(bytes: &[u8], budget: &Budget) -> Result<Raw, Error> {
    let (Head { size, orientation }, mut decoder) = open(bytes, budget)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; size.height * size.width * channels];
    decoder.read_image(&mut pixels).map_err(Error::not_a_picture)?;
    Ok(Raw { pixels: rgb(pixels, size, decoder.has_alpha()), orientation, damage: None })
}

/// A decoder whose picture, or whose frames, fit the budget.
pub fn open<B: AsRef<[u8]>>(bytes: B, budget: &Budget) -> Result<(Head, WebPDecoder<Cursor<B>>), Error> {
    let length = bytes.as_ref().len();
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(Error::not_a_picture)?;
    // No chunk is longer than the file, whatever its header says.
    decoder.set_memory_limit(length);
    let (width, height) = decoder.dimensions();
    let size = Size { height: height as usize, width: width as usize };
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif)).unwrap_or(Orientation::NoTransforms);
    let decoding = match (decoder.is_animated(), decoder.has_alpha()) {
        (true, _) => ANIMATED,
        (false, true) => TRANSPARENT,
        (false, false) => OPAQUE,
    };
    budget.admit(size, peak(decoding, orientation), length)?;
    Ok((Head { size, orientation }, decoder))
}

/// The decoder's pixels as three channels.
pub fn rgb(pixels: Vec<u8>, size: Size, has_alpha: bool) -> RgbImage {
    let pixels = if has_alpha { without_alpha(&pixels) } else { pixels };
    RgbImage::from_raw(size.width as u32, size.height as u32, pixels).expect("the buffer has the picture's size")
}
