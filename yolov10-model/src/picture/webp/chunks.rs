//! Where the lossless streams of a WebP lie, by the rules of `image-webp`.

use super::tables;
use crate::error::Error;
use crate::size::Size;

/// Bytes of a chunk's name and length.
const HEAD: usize = 8;
/// Bytes of a frame's place, size and time, before its own chunks.
const FRAME_HEAD: usize = 16;
/// Bytes before the first chunk: `RIFF`, a length, `WEBP`.
const START: usize = 12;

/// A piece of the file.
struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
    start: usize,
    /// What it says of its own length.
    length: usize,
}

impl<'a> Chunk<'a> {
    fn at(bytes: &'a [u8], start: usize) -> Option<Self> {
        let head = bytes.get(start..)?.first_chunk::<HEAD>()?;
        let [name @ .., l1, l2, l3, l4] = *head;
        let length = u32::from_le_bytes([l1, l2, l3, l4]) as usize;
        let content = &bytes[start + HEAD..];
        Some(Self { name, content: &content[..length.min(content.len())], start, length })
    }

    /// Where it ends.
    fn end(&self) -> usize {
        self.start.saturating_add(HEAD).saturating_add(self.length)
    }

    /// All chunks; each begins at an even place.
    fn all(bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        let next = move |chunk: &Self| Self::at(bytes, chunk.end().saturating_add(chunk.length % 2));
        std::iter::successors(Self::at(bytes, START), next)
    }

    /// Bytes that its tables take, if it is a lossless stream; `size` is that of its picture.
    fn tables(&self, size: Size) -> Result<usize, Error> {
        /// The bits of a plane's first byte that tell how it is stored, and their value if that is lossless.
        const STORAGE: u8 = 3;
        const LOSSLESS: u8 = 1;
        let found = match (&self.name, self.content) {
            (b"VP8L", stream) => tables::bytes_of(stream, None),
            (b"ALPH", [storage, stream @ ..]) if storage & STORAGE == LOSSLESS => tables::bytes_of(stream, Some(size)),
            _ => Some(0),
        };
        let found = found.and_then(|bytes| usize::try_from(bytes).ok());
        found.ok_or_else(|| Error::not_a_picture("the WebP is cut off or damaged before its pixels"))
    }
}

/// Bytes that the tables of a still take.
pub fn tables_of_still(bytes: &[u8], size: Size, has_alpha: bool) -> Result<usize, Error> {
    // The first one of a name counts; a plane of alpha only beside a lossy picture.
    let first = |name: &[u8; 4]| Chunk::all(bytes).find(|chunk| chunk.name == *name);
    let stream = first(b"VP8L").or_else(|| first(b"ALPH").filter(|_| has_alpha));
    stream.map_or(Ok(0), |stream| stream.tables(size))
}

/// Where the first frame of an animation begins.
pub fn first_frame(bytes: &[u8]) -> usize {
    Chunk::all(bytes).find(|chunk| chunk.name == *b"ANMF").map_or(bytes.len(), |frame| frame.start)
}

/// Bytes that the tables of the frame at this place take, and the place of the next frame: they follow one another without
/// a gap, other than chunks.
pub fn tables_of_frame(bytes: &[u8], at: usize) -> Result<(usize, usize), Error> {
    // If it is no frame, the decoder says so.
    let Some(frame) = Chunk::at(bytes, at).filter(|chunk| chunk.name == *b"ANMF") else {
        return Ok((0, at));
    };
    let side = |at: usize| {
        let bytes = frame.content.get(at..)?.first_chunk()?;
        let [low, middle, high] = *bytes;
        Some(u32::from_le_bytes([low, middle, high, 0]) as usize + 1)
    };
    let size = side(6).zip(side(9)).map(|(width, height)| Size { height, width });
    let tables = match (size, Chunk::at(frame.content, FRAME_HEAD)) {
        (Some(size), Some(stream)) => stream.tables(size)?,
        _ => 0,
    };
    Ok((tables, frame.end()))
}
