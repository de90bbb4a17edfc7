//! TIFF and BigTIFF: the samples that the `tiff` crate returns, as 8-bit RGB.
//!
//! Eight and sixteen bits are read as OpenCV reads them. OpenCV leaves floating point unchanged, so ultralytics takes it for
//! levels of 0..255; here 0..1 works as well, and the largest value tells which it is. Everything else that would need
//! guessing (32-bit integers, bands, heights) is refused by name.

mod directory;
mod jpeg;
mod pieces;

use std::io::Cursor;

use image::RgbImage;
use image::metadata::Orientation;
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use self::pieces::Pieces;
use super::budget::Budget;
use super::still::peak;
use super::{Head, Raw};
use crate::error::Error;
use crate::size::Size;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Grey,
    Rgb,
    /// With alpha that the colours do not have in them yet.
    UnblendedRgb,
    Cmyk,
    YCbCr,
}

struct Layout {
    head: Head,
    meaning: Meaning,
    samples: usize,
    /// Bits of a sample.
    bits: u8,
    pieces: Pieces,
}

pub fn head(bytes: &[u8], budget: &Budget) -> Result<Head, Error> {
    open(bytes, budget).map(|(layout, _)| layout.head)
}

pub fn decode(bytes: &[u8], budget: &Budget) -> Result<Raw, Error> {
    let (layout, mut reader) = open(bytes, budget)?;
    if let Some(decoded) = decode_jpegs(bytes, &layout, &mut reader)? {
        return Ok(decoded);
    }
    let mut samples = DecodingResult::U8(Vec::new());
    let found = reader.read_image_to_buffer(&mut samples).map_err(Error::not_a_picture)?;
    if samples.as_buffer(0).byte_len() < found.complete_len {
        return Err(Error::not_a_picture("the TIFF's planes do not fit the budget"));
    }
    let is_planar = found.planes > 1;
    let levels = levels(samples, &layout)?;
    let levels = if is_planar { interleaved(&levels, found.planes) } else { levels };
    raw(&levels, layout.meaning, &layout)
}

/// The picture of grey or three samples of eight bits in JPEGs; `None` if it is another kind.
fn decode_jpegs(bytes: &[u8], layout: &Layout, reader: &mut Reader<'_>) -> Result<Option<Raw>, Error> {
    let is_usual = matches!((layout.meaning, layout.samples), (Meaning::Grey, 1) | (Meaning::Rgb | Meaning::YCbCr, 3));
    if !layout.pieces.are_jpegs || layout.bits != 8 || !is_usual {
        return Ok(None);
    }
    const SEPARATE: u16 = 2;
    let is_planar = reader.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(Error::not_a_picture)?;
    let is_planar = is_planar == Some(SEPARATE) && layout.samples > 1;
    let is_inverted = reader.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).ok().flatten() == Some(0);
    let is_ycbcr = layout.meaning == Meaning::YCbCr;
    if is_inverted || (is_planar && is_ycbcr) {
        return Ok(None);
    }
    let tables = reader.find_tag(Tag::JPEGTables).map_err(Error::not_a_picture)?;
    let tables = tables.map(|tables| tables.into_u8_vec()).transpose().map_err(Error::not_a_picture)?;
    let (samples, planes) = if is_planar { (1, layout.samples) } else { (layout.samples, 1) };
    let stored = jpeg::Stored { samples, planes, is_ycbcr, tables: tables.as_deref() };
    let levels = jpeg::decode(bytes, &layout.pieces, layout.head.size, &stored)?;
    let levels = if is_planar { interleaved(&levels, planes) } else { levels };
    let meaning = if is_ycbcr { Meaning::Rgb } else { layout.meaning };
    raw(&levels, meaning, layout).map(Some)
}

/// The picture of these levels.
fn raw(levels: &[u8], meaning: Meaning, layout: &Layout) -> Result<Raw, Error> {
    let Size { height, width } = layout.head.size;
    let pixels = to_rgb(levels, meaning, layout.samples).filter(|pixels| pixels.len() == 3 * height * width);
    let pixels = pixels.and_then(|pixels| RgbImage::from_raw(width as u32, height as u32, pixels));
    let pixels = pixels.ok_or_else(|| Error::not_a_picture("the TIFF has fewer samples than its size says"))?;
    Ok(Raw { pixels, orientation: layout.head.orientation, damage: None })
}

/// A decoder whose picture fits the budget, and the layout of its samples.
fn open<'a>(bytes: &'a [u8], budget: &Budget) -> Result<(Layout, Reader<'a>), Error> {
    directory::admit(bytes)?;
    let mut limits = Limits::default();
    // No value of a directory is longer than the file.
    limits.ifd_value_size = bytes.len();
    let mut reader = Decoder::new(Cursor::new(bytes)).map_err(Error::not_a_picture)?.with_limits(limits.clone());
    let (width, height) = reader.dimensions().map_err(Error::not_a_picture)?;
    let size = Size { height: height as usize, width: width as usize };
    let (meaning, samples, bits) = match reader.colortype().map_err(Error::not_a_picture)? {
        ColorType::Gray(bits) => (Meaning::Grey, 1, bits),
        ColorType::GrayA(bits) => (Meaning::Grey, 2, bits),
        ColorType::RGB(bits) => (Meaning::Rgb, 3, bits),
        ColorType::RGBA(bits) if is_unblended(&mut reader) => (Meaning::UnblendedRgb, 4, bits),
        ColorType::RGBA(bits) => (Meaning::Rgb, 4, bits),
        ColorType::CMYK(bits) => (Meaning::Cmyk, 4, bits),
        ColorType::YCbCr(bits) => (Meaning::YCbCr, 3, bits),
        ColorType::Multiband { num_samples, .. } => {
            return Err(Error::not_a_picture(format!("a TIFF of {num_samples} bands: expected grey, RGB or CMYK")));
        }
        other => return Err(Error::not_a_picture(format!("a TIFF in {other:?}: expected grey, RGB or CMYK"))),
    };
    let orientation = reader.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    let stored = samples as f64 * f64::from(bits.div_ceil(8));
    // Samples, levels, levels of one pixel side by side, RGB: not all of them live at once.
    let per_pixel = peak(stored.max(samples as f64) + samples as f64 + 3.0, orientation);
    budget.admit(size, per_pixel, bytes.len())?;
    let pieces = pieces::admit(&mut reader, bytes, size, budget, budget.rest(size, per_pixel, bytes.len()))?;
    limits.decoding_buffer_size = (size.height * size.width).saturating_mul(stored.ceil() as usize + 1);
    limits.intermediate_buffer_size = budget.rest(size, stored, bytes.len()) as usize;
    Ok((Layout { head: Head { size, orientation }, meaning, samples, bits, pieces }, reader.with_limits(limits)))
}

/// Whether the fourth sample is an alpha that is to be multiplied with the colours.
fn is_unblended(reader: &mut Reader<'_>) -> bool {
    const UNASSOCIATED: u16 = 2;
    let extra = reader.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten();
    extra.is_some_and(|extra| extra.first() == Some(&UNASSOCIATED))
}

/// Samples as levels of eight bits.
fn levels(samples: DecodingResult, layout: &Layout) -> Result<Vec<u8>, Error> {
    let refused = |what: &str| {
        let bits = layout.bits;
        Err(Error::not_a_picture(format!(
            "a TIFF of {bits}-bit {what}: expected 1, 8 or 16 bits, or 0..1 or 0..255 in floating point"
        )))
    };
    match samples {
        DecodingResult::U8(bytes) if layout.bits == 8 => Ok(bytes),
        DecodingResult::U8(bytes) if layout.bits == 1 && layout.samples == 1 => {
            Ok(unpacked(&bytes, layout.head.size.width))
        }
        DecodingResult::U16(wide) if layout.bits == 16 => Ok(wide.into_iter().map(rounded).collect()),
        DecodingResult::F16(values) => from_floats(&values, |value| value.to_f32()),
        DecodingResult::F32(values) => from_floats(&values, |value| value),
        DecodingResult::F64(values) => from_floats(&values, |value| value as f32),
        DecodingResult::U8(_) | DecodingResult::U16(_) | DecodingResult::U32(_) | DecodingResult::U64(_) => {
            refused("whole numbers")
        }
        DecodingResult::I8(_) | DecodingResult::I16(_) | DecodingResult::I32(_) | DecodingResult::I64(_) => {
            refused("signed numbers")
        }
    }
}

/// The level nearest to sixteen bits, as in libtiff; for PNG, OpenCV takes the high byte instead.
fn rounded(level: u16) -> u8 {
    ((u32::from(level) + 128) / 257) as u8
}

/// From 0..1 or 0..255; the largest value tells which.
fn from_floats<T: Copy>(values: &[T], float: impl Fn(T) -> f32) -> Result<Vec<u8>, Error> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for value in values.iter().copied().map(&float) {
        if value.is_nan() {
            return Err(Error::not_a_picture("a TIFF with NaN among its values: expected 0..1 or 0..255"));
        }
        (least, most) = (least.min(value), most.max(value));
    }
    if least < 0.0 || most > 255.0 {
        let found = format!("a TIFF with values from {least} to {most}: expected 0..1 or 0..255");
        return Err(Error::not_a_picture(found));
    }
    let scale = if most <= 1.0 { 255.0 } else { 1.0 };
    Ok(values.iter().map(|value| (float(*value) * scale).round() as u8).collect())
}

/// Rows of bits as black and white.
fn unpacked(bytes: &[u8], width: usize) -> Vec<u8> {
    let level = |row: &[u8], x: usize| if row[x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 };
    bytes.chunks_exact(width.div_ceil(8)).flat_map(|row| (0..width).map(move |x| level(row, x))).collect()
}

/// Planes, one after another, as pixels.
fn interleaved(levels: &[u8], planes: usize) -> Vec<u8> {
    let length = levels.len() / planes;
    (0..length).flat_map(|at| (0..planes).map(move |plane| levels[plane * length + at])).collect()
}

/// Levels as red, green and blue; alpha is multiplied in or dropped, as libtiff does. `None` if the last pixel is incomplete.
fn to_rgb(levels: &[u8], meaning: Meaning, samples: usize) -> Option<Vec<u8>> {
    let pixels = levels.chunks_exact(samples);
    if !pixels.remainder().is_empty() {
        return None;
    }
    Some(match meaning {
        Meaning::Grey => pixels.flat_map(|pixel| [pixel[0]; 3]).collect(),
        Meaning::Rgb => pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        Meaning::UnblendedRgb => {
            pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]].map(|level| blended(level, pixel[3]))).collect()
        }
        Meaning::Cmyk => {
            pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]].map(|ink| bare(ink, pixel[3]))).collect()
        }
        Meaning::YCbCr => pixels.flat_map(|pixel| from_ycbcr([pixel[0], pixel[1], pixel[2]])).collect(),
    })
}

/// A colour on black: libtiff's `UaToAa`, by which OpenCV reads alpha that is not in the colours yet.
fn blended(level: u8, alpha: u8) -> u8 {
    ((u32::from(level) * u32::from(alpha) + 127) / 255) as u8
}

/// What ink and black leave of white: libtiff's formula, by which OpenCV reads CMYK.
fn bare(ink: u8, black: u8) -> u8 {
    ((255 - u32::from(black)) * (255 - u32::from(ink)) / 255) as u8
}

/// ITU-R BT.601 at full range, as in JFIF.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|level| level.round() as u8)
}
