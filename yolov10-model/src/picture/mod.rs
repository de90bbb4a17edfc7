//! Picture files and animations: decoded to upright 8-bit RGB, as the reference's OpenCV decodes them.
//!
//! ```text
//! bytes -> Kind -> head (size) -> Budget -> decoder -> 8 bits, three channels -> upright
//! ```
//!
//! Files come from strangers. The header alone decides whether a picture may be decoded, before memory is allocated, and
//! a decoder that panics means a broken picture like any other. Left out: colour profiles, and all pages of a TIFF but the
//! first.

mod budget;
mod contain;
mod eight_bits;
mod frames;
mod jpeg;
mod kind;
mod resync;
mod scans;
mod still;
mod tiff;
mod webp;

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

pub use budget::Budget;
use contain::contained;
pub use frames::{Frame, Frames};
pub use kind::Kind;

use crate::error::Error;
use crate::size::Size;

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Upright, 8-bit RGB.
    pub pixels: RgbImage,
    /// What is wrong with it, if a part could not be read; that part is filled as OpenCV fills it.
    pub damage: Option<String>,
}

/// A decoder's result: pixels as they lie in the file, in eight bits.
struct Raw {
    pixels: RgbImage,
    orientation: Orientation,
    damage: Option<String>,
}

/// What is known before anything is decoded.
struct Head {
    /// Before the picture is turned upright.
    size: Size,
    orientation: Orientation,
}

/// Reads a picture file within the default budget; its content decides the format, not its name.
///
/// # Errors
/// The file can't be read, is not a complete picture in a known format, or takes more than [`Budget::default`].
pub fn open_picture(path: &Path) -> Result<RgbImage, Error> {
    Ok(open(path, &Budget::default())?.pixels)
}

/// The same for a file's bytes.
///
/// # Errors
/// As [`open_picture`].
pub fn decode_picture(bytes: &[u8]) -> Result<RgbImage, Error> {
    Ok(decode(bytes, &Budget::default())?.pixels)
}

/// Reads a picture file within a budget.
///
/// # Errors
/// As [`open_picture`].
pub fn open(path: &Path, budget: &Budget) -> Result<Picture, Error> {
    decode(&read(path, budget)?, budget)
}

/// Decodes a picture file's bytes: EXIF orientation applied, grey widened, alpha dropped without blending, the high
/// byte of 16 bits kept. Of an animation, the first frame.
///
/// # Errors
/// The bytes are not a complete picture in a known format, or decoding them exceeds the budget.
pub fn decode(bytes: &[u8], budget: &Budget) -> Result<Picture, Error> {
    decode_into(bytes, budget, Vec::new())
}

/// The same, in memory that an earlier picture had: `room` becomes the pixels of an upright JPEG if its capacity is large
/// enough, and is dropped otherwise. With it a stream of pictures takes no new pages from the system.
///
/// # Errors
/// As [`decode`].
pub fn decode_into(bytes: &[u8], budget: &Budget, room: Vec<u8>) -> Result<Picture, Error> {
    contained(|| {
        let Raw { pixels, orientation, damage } = match kind::expect(bytes)? {
            Kind::Jpeg => jpeg::decode(bytes, budget, room),
            Kind::Tiff => tiff::decode(bytes, budget),
            Kind::WebP => webp::decode(bytes, budget),
            kind @ (Kind::Bmp | Kind::Gif | Kind::Png) => still::decode(bytes, kind, budget),
        }?;
        let mut picture = DynamicImage::ImageRgb8(pixels);
        picture.apply_orientation(orientation);
        Ok(Picture { pixels: picture.into_rgb8(), damage })
    })
}

/// The size of the picture that [`decode`] would return, from the header alone.
///
/// # Errors
/// The header is broken, or the picture exceeds the budget.
pub fn upright_size(bytes: &[u8], budget: &Budget) -> Result<Size, Error> {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let Head { size, orientation } = contained(|| match kind::expect(bytes)? {
        Kind::Jpeg => jpeg::head(bytes, budget),
        Kind::Tiff => tiff::head(bytes, budget),
        Kind::WebP => webp::head(bytes, budget),
        kind @ (Kind::Bmp | Kind::Gif | Kind::Png) => still::head(bytes, kind, budget),
    })?;
    Ok(match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => Size { height: size.width, width: size.height },
        _ => size,
    })
}

/// Reads a file's bytes, which count towards the budget of its picture.
///
/// # Errors
/// The file can't be read, or exceeds the budget.
pub fn read(path: &Path, budget: &Budget) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    budget.admit_file(length)?;
    // Devices and pipes claim to be empty, so the bytes are counted as they come, too.
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(budget.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    budget.admit_file(bytes.len() as u64)?;
    Ok(bytes)
}
