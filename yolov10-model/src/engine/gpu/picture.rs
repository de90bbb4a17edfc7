//! A picture and its letterbox as one array of words: what goes up to the device, and all that goes up.

use super::kernels::{HEADER_WORDS, TAP_WORDS};
use crate::letterbox::Letterbox;
use crate::pixels::Pixels;
use crate::resample::Tap;

/// Header, taps of the columns and of the rows, and the pixels four bytes a word, as `kernels::letterbox` reads them.
pub fn pack(image: Pixels<'_>, letterbox: &Letterbox) -> Vec<u32> {
    let (scaled, source) = (letterbox.scaled, letterbox.image);
    let bytes = image.rgb();
    let mut packed =
        Vec::with_capacity(HEADER_WORDS + (scaled.width + scaled.height) * TAP_WORDS + bytes.len().div_ceil(4));
    let header: [usize; HEADER_WORDS] = [
        scaled.height,
        scaled.width,
        letterbox.input.height,
        letterbox.input.width,
        letterbox.top,
        letterbox.left,
        source.width,
    ];
    packed.extend(header.map(|side| side as u32));
    let columns = (0..scaled.width).map(|x| Tap::column(x, scaled.width, source.width));
    packed.extend(columns.flat_map(|tap| words(tap, source.width)));
    let rows = (0..scaled.height).map(|y| Tap::new(y, scaled.height, source.height));
    packed.extend(rows.flat_map(|tap| words(tap, source.height)));
    let (pixels, rest) = bytes.as_chunks::<4>();
    packed.extend(pixels.iter().map(|bytes| u32::from_le_bytes(*bytes)));
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        packed.push(u32::from_le_bytes(last));
    }
    packed
}

/// Both positions of a tap, cut off at the picture's edges, and its weights.
fn words(tap: Tap, positions: usize) -> [u32; TAP_WORDS] {
    let inside = |position: i64| position.clamp(0, positions as i64 - 1) as u32;
    let [first, second] = tap.weights.map(i32::cast_unsigned);
    [inside(tap.start), inside(tap.start + 1), first | second << 16]
}
