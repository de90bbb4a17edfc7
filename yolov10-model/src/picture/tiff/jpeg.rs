//! Strips and tiles that are JPEGs, by the decoder that reads JPEG files: libtiff uses libjpeg-turbo, too, and the `tiff` crate
//! another decoder, which rounds differently.
//!
//! The TIFF says what the samples are, not the markers of the JPEGs; their tables may be kept once, for all of them.

use libjpeg_turbo_rs::{Decoder, PixelFormat};

use super::pieces::Pieces;
use crate::error::Error;
use crate::picture::jpeg::limits;
use crate::size::Size;

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
const START_OF_SCAN: u8 = 0xda;
/// Adobe's marker, of which the last byte tells whether the colours are YCbCr.
const ADOBE: [u8; 15] = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0];

/// How the samples of the picture are stored.
pub struct Stored<'a> {
    /// Samples that lie side by side in a piece: 1 or 3.
    pub samples: usize,
    /// Pictures of one sample after another, each in pieces of its own.
    pub planes: usize,
    /// Whether three samples are YCbCr, which become RGB.
    pub is_ycbcr: bool,
    /// The tables that all pieces share.
    pub tables: Option<&'a [u8]>,
}

/// The samples of a picture, row by row, plane by plane.
pub fn decode(bytes: &[u8], pieces: &Pieces, size: Size, stored: &Stored<'_>) -> Result<Vec<u8>, Error> {
    let Stored { samples, planes, .. } = *stored;
    let plane = size.height * size.width * samples;
    let mut levels = vec![0; plane * planes];
    let piece = pieces.size;
    let across = size.width.div_ceil(piece.width);
    let of_plane = across * size.height.div_ceil(piece.height);
    if pieces.count() < planes * of_plane {
        let found = pieces.count();
        return Err(Error::not_a_picture(format!("a TIFF of {found} pieces: expected {}", planes * of_plane)));
    }
    let places = (0..planes).flat_map(|plane| (0..of_plane).map(move |index| (plane, index)));
    for ((at, index), jpeg) in places.zip(pieces.of(bytes)) {
        let (top, left) = (index / across * piece.height, index % across * piece.width);
        let wanted = Size { height: piece.height.min(size.height - top), width: piece.width.min(size.width - left) };
        let (found, pixels) = decode_piece(jpeg, stored)?;
        if found.height < wanted.height || found.width < wanted.width {
            return Err(Error::not_a_picture(format!("a JPEG of {found} in a TIFF's piece of {wanted}")));
        }
        for row in 0..wanted.height {
            let start = at * plane + ((top + row) * size.width + left) * samples;
            let from = row * found.width * samples;
            let length = wanted.width * samples;
            levels[start..start + length].copy_from_slice(&pixels[from..from + length]);
        }
    }
    Ok(levels)
}

/// The size and the samples of a piece.
fn decode_piece(jpeg: &[u8], stored: &Stored<'_>) -> Result<(Size, Vec<u8>), Error> {
    let file = file_of(jpeg, stored);
    let mut decoder = Decoder::new_with_limits(&file, limits()).map_err(Error::not_a_picture)?;
    let format = if stored.samples == 1 { PixelFormat::Grayscale } else { PixelFormat::Rgb };
    let found = decoder.header().components.len();
    if found != stored.samples || decoder.header().precision != 8 {
        let expected = stored.samples;
        return Err(Error::not_a_picture(format!(
            "a JPEG of {found} components in a TIFF: expected {expected} of 8 bits"
        )));
    }
    decoder.set_output_format(format);
    let image = decoder.decode_image().map_err(Error::not_a_picture)?;
    Ok((Size { height: image.height, width: image.width }, image.data))
}

/// A piece as a file of its own: with the shared tables, and a marker that says what its colours are in the place of those that
/// it has.
fn file_of(jpeg: &[u8], stored: &Stored<'_>) -> Vec<u8> {
    let mut file = START_OF_IMAGE.to_vec();
    if let Some(tables) = stored.tables {
        let tables = tables.strip_prefix(&START_OF_IMAGE).unwrap_or(tables);
        file.extend(tables.strip_suffix(&END_OF_IMAGE).unwrap_or(tables));
    }
    if stored.samples > 1 {
        file.extend(ADOBE);
        file.push(stored.is_ycbcr.into());
    }
    let mut at = if jpeg.starts_with(&START_OF_IMAGE) { 2 } else { 0 };
    while let Some([0xff, marker, high, low]) = jpeg.get(at..at + 4) {
        let end = at + 2 + usize::from(u16::from_be_bytes([*high, *low]));
        if *marker == START_OF_SCAN || end > jpeg.len() {
            break;
        }
        // Application markers may say something else about the colours.
        if !matches!(marker, 0xe0..=0xef) {
            file.extend(&jpeg[at..end]);
        }
        at = end;
    }
    file.extend(&jpeg[at..]);
    file
}
