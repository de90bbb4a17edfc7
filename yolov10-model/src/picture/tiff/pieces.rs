//! Strips and tiles: what they promise beside the picture's own size.
//!
//! A tile may be larger than its picture, many strips may lie at one place of the file, and one that is a JPEG has a
//! size of its own. Each makes a small file costly, and none of it shows in the picture's size.

use tiff::decoder::ChunkType;
use tiff::tags::Tag;

use super::super::budget::Budget;
use super::Reader;
use crate::error::Error;
use crate::size::Size;

/// Strips may lie at one place, as empty tiles do, but all of them together have no more bytes than so many files.
const MOST_FILES: u64 = 4;
/// Bytes that are few, however small the file is.
const FEW: u64 = 64 << 20;
/// TIFF's number for JPEG.
const JPEG: u16 = 7;
/// A JPEG's blocks may stand out beyond its strip by less than this, in pixels.
const LARGEST_BLOCK: usize = 64;
/// Bytes of a component's sample at most: as it is decoded, and its coefficients if there are several scans.
const DECODED: u64 = 2;
const COEFFICIENT: u64 = 2;

/// Where the strips or tiles of a picture lie.
pub struct Pieces {
    /// Width and height of each, but for those at the edges.
    pub size: Size,
    /// Whether they are JPEGs.
    pub are_jpegs: bool,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl Pieces {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.offsets.len().min(self.lengths.len())
    }

    /// Their bytes, as far as they lie in the file.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.offsets.iter().zip(&self.lengths).map(|(offset, length)| {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(usize::try_from(*length).unwrap_or(usize::MAX)).min(bytes.len());
            &bytes[start..end]
        })
    }
}

/// The strips or tiles of a picture of this size, if they fit the budget, of which `rest` bytes are left for decoders.
pub fn admit(reader: &mut Reader<'_>, bytes: &[u8], size: Size, budget: &Budget, rest: u64) -> Result<Pieces, Error> {
    let (width, height) = reader.chunk_dimensions();
    let piece = Size { height: height as usize, width: width as usize };
    let is_tiled = reader.get_chunk_type() == ChunkType::Tile;
    if is_tiled {
        let padded = |side: usize, tile: usize| side.div_ceil(tile.max(1)).saturating_mul(tile);
        let height = padded(size.height, piece.height);
        budget.admit(Size { height, width: padded(size.width, piece.width) }, 1.0, 0)?;
    }
    let [offsets, lengths] =
        if is_tiled { [Tag::TileOffsets, Tag::TileByteCounts] } else { [Tag::StripOffsets, Tag::StripByteCounts] };
    let mut numbers = |tag| reader.find_tag_unsigned_vec::<u64>(tag).map_err(Error::not_a_picture);
    let (offsets, lengths) = (numbers(offsets)?.unwrap_or_default(), numbers(lengths)?.unwrap_or_default());
    let found = lengths.iter().fold(0, |sum: u64, length| sum.saturating_add(*length));
    let expected = (bytes.len() as u64).saturating_mul(MOST_FILES).saturating_add(FEW);
    if found > expected {
        return Err(Error::not_a_picture(format!("the TIFF's pieces have {found} bytes: expected at most {expected}")));
    }
    let compression = reader.find_tag_unsigned::<u16>(Tag::Compression).map_err(Error::not_a_picture)?;
    let pieces = Pieces { size: piece, are_jpegs: compression == Some(JPEG), offsets, lengths };
    if pieces.are_jpegs {
        pieces.of(bytes).try_for_each(|jpeg| admit_jpeg(jpeg, piece, budget, rest))?;
    }
    Ok(pieces)
}

/// Whether the JPEG of a strip or tile is about as large as that, and fits `rest` bytes.
fn admit_jpeg(jpeg: &[u8], piece: Size, budget: &Budget, rest: u64) -> Result<(), Error> {
    for Frame { size, components, is_progressive } in frames(jpeg) {
        let fits = |found: usize, expected: usize| found <= expected.saturating_add(LARGEST_BLOCK);
        if !fits(size.height, piece.height) || !fits(size.width, piece.width) {
            return Err(Error::not_a_picture(format!("a JPEG of {size} in a TIFF's piece of {piece}")));
        }
        let per_sample = DECODED + if is_progressive { COEFFICIENT } else { 0 };
        let needed = (size.height * size.width) as u64 * components * per_sample;
        if needed > rest {
            return Err(Error::PictureTooLarge { size, needed, budget: *budget });
        }
    }
    Ok(())
}

/// What a JPEG promises.
struct Frame {
    size: Size,
    components: u64,
    is_progressive: bool,
}

/// Everything that a decoder could take for the frame of a JPEG: which one it takes is its own affair.
fn frames(jpeg: &[u8]) -> impl Iterator<Item = Frame> {
    // A marker, the length, bits, height, width, the number of components.
    jpeg.windows(10).filter_map(|head| match *head {
        // Three of these numbers are other markers: tables and extensions.
        [0xff, marker @ 0xc0..=0xcf, _, _, _, h1, h2, w1, w2, components] if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
            let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
            let size = Size { height: side(h1, h2), width: side(w1, w2) };
            Some(Frame { size, components: components.into(), is_progressive: marker > 0xc1 })
        }
        _ => None,
    })
}
