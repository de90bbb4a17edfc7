//! WebP stills, by `image-webp` directly: its memory limit can't be set through the `image` crate.

pub mod chunks;
mod tables;

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

/// A decoder whose picture, or whose first frame, fits the budget.
pub fn open<B: AsRef<[u8]> + Clone>(bytes: B, budget: &Budget) -> Result<(Head, WebPDecoder<Cursor<B>>), Error> {
    let file = bytes.as_ref();
    let mut decoder = WebPDecoder::new(Cursor::new(bytes.clone())).map_err(Error::not_a_picture)?;
    // No chunk is longer than the file, whatever its header says.
    decoder.set_memory_limit(file.len());
    let (width, height) = decoder.dimensions();
    let size = Size { height: height as usize, width: width as usize };
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif)).unwrap_or(Orientation::NoTransforms);
    let decoding = match (decoder.is_animated(), decoder.has_alpha()) {
        (true, _) => ANIMATED,
        (false, true) => TRANSPARENT,
        (false, false) => OPAQUE,
    };
    let per_pixel = peak(decoding, orientation);
    budget.admit(size, per_pixel, file.len())?;
    let tables = match decoder.is_animated() {
        true => chunks::tables_of_frame(file, chunks::first_frame(file))?.0,
        false => chunks::tables_of_still(file, size, decoder.has_alpha())?,
    };
    budget.admit(size, per_pixel, file.len().saturating_add(tables))?;
    Ok((Head { size, orientation }, decoder))
}

/// The decoder's pixels as three channels.
pub fn rgb(pixels: Vec<u8>, size: Size, has_alpha: bool) -> RgbImage {
    let pixels = if has_alpha { without_alpha(&pixels) } else { pixels };
    RgbImage::from_raw(size.width as u32, size.height as u32, pixels).expect("the buffer has the picture's size")
}

#[cfg(test)]
mod tests {
    use super::tables::tests::stream;
    use super::*;
    use crate::picture::{Frames, decode};

    const CANVAS: &[u8] = b"\x07\0\0\x07\0\0";

    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let padding = vec![0; content.len() % 2];
        [name, &(content.len() as u32).to_le_bytes()[..], content, &padding].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let content = chunks.concat();
        [b"RIFF", &(content.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &content].concat()
    }

    fn extended(flags: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
        let head = chunk(b"VP8X", &[&[flags, 0, 0, 0], CANVAS].concat());
        file(&[&[head], chunks].concat())
    }

    fn frame(stream: &[u8]) -> Vec<u8> {
        chunk(b"ANMF", &[b"\0\0\0\0\0\0", CANVAS, b"\x64\0\0\0", &chunk(b"VP8L", stream)].concat())
    }

    #[test]
    fn a_small_file_of_many_codes_is_refused_wherever_they_are() {
        let budget = Budget { pixels: 1000, bytes: 1_000_000 };
        let (few, many) = (stream(2, 2), stream(100, 100));
        let beyond =
            |result: Result<_, Error>| matches!(result, Err(Error::PictureTooLarge { needed: 2_000_000.., .. }));
        let still = |stream: &[u8]| file(&[chunk(b"VP8L", stream)]);
        assert!(decode(&still(&few), &budget).is_ok());
        assert!(beyond(head(&still(&many), &budget).map(drop)) && beyond(decode(&still(&many), &budget).map(drop)));
        let alpha = [&[1], &many[5..]].concat();
        let with_alpha = |flags| extended(flags, &[chunk(b"ALPH", &alpha), chunk(b"VP8 ", b"")]);
        assert!(beyond(head(&with_alpha(0x10), &budget).map(drop)));
        // Without the flag nobody looks at it.
        assert!(head(&with_alpha(0), &budget).is_ok());
        let moving = |first: &[u8], second: &[u8]| extended(2, &[chunk(b"ANIM", &[0; 6]), frame(first), frame(second)]);
        assert!(beyond(decode(&moving(&many, &few), &budget).map(drop)));
        let frames = Frames::open(moving(&few, &many), &budget).expect("a sound head").expect("two frames");
        let frames: Vec<_> = frames.map(|frame| frame.map(drop)).collect();
        assert!(frames.len() == 2 && frames[0].is_ok(), "{frames:?}");
        assert!(frames.into_iter().skip(1).all(beyond));
        let frames = Frames::open(moving(&few, &few), &budget).expect("a sound head").expect("two frames");
        assert_eq!(frames.filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn codes_that_are_cut_off_are_a_broken_picture() {
        let cut = file(&[chunk(b"VP8L", &stream(200, 100))]);
        let error = decode(&cut, &Budget::default()).expect_err("codes are missing");
        assert!(matches!(error, Error::NotAPicture(_)), "{error}");
    }
}
