//! What a file is, by its first bytes; its name does not matter.

use crate::error::Error;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Windows bitmaps.
    Bmp,
    /// With one frame or more.
    Gif,
    /// Includes MPO, of which the first picture is read.
    Jpeg,
    /// Portable network graphics.
    Png,
    /// Includes BigTIFF.
    Tiff,
    /// With one frame or more.
    WebP,
}

impl Kind {
    /// The kind of a file that begins with these bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::WebP,
            [b'B', b'M', ..] => Self::Bmp,
            [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Self::Tiff,
            _ => return None,
        })
    }

    /// The usual extension of files of this kind.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Tiff => "tif",
            Self::WebP => "webp",
        }
    }
}

/// The kind of these bytes; otherwise an error that says what they are.
pub fn expect(bytes: &[u8]) -> Result<Kind, Error> {
    Kind::of(bytes).ok_or_else(|| Error::not_a_picture(other(bytes)))
}

/// The brands that a file in ISO's base media format names in its first box.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_box = bytes.len() >= 12 && &bytes[4..8] == b"ftyp";
    let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let names = if is_box { bytes.get(8..length.min(bytes.len())).unwrap_or(&bytes[8..12]) } else { &[] };
    // The second one is a version.
    names.chunks_exact(4).enumerate().filter(|(place, _)| *place != 1).map(|(_, brand)| brand)
}

/// Bytes that are searched for the start of an HTML page.
const START: usize = 256;

/// What these bytes are instead, and what to do.
fn other(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(START)]).trim_start().to_lowercase();
    let has_brand = |names: &[&[u8]]| brands(bytes).any(|brand| names.contains(&brand));
    let name = match bytes {
        [] => return "the file is empty".to_owned(),
        _ if text.starts_with("<!doctype html") || text.starts_with("<html") => {
            return "this is an HTML page: a server's, in the place of the picture".to_owned();
        }
        _ if text.starts_with("version https://git-lfs") => {
            return "this is a Git LFS pointer: git lfs pull fetches the picture".to_owned();
        }
        _ if has_brand(&[b"avif", b"avis"]) => "AVIF",
        _ if has_brand(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) => "HEIC",
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xff, 0x0a, ..] => "JPEG XL",
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [b'I', b'I', 0xbc, ..] => "JPEG XR",
        [b'8', b'B', b'P', b'S', ..] => "Photoshop",
        [b'q', b'o', b'i', b'f', ..] => "QOI",
        [0, 0, 1, 0, ..] => "an icon",
        [b'P', b'1'..=b'7', b'\n' | b' ' | b'\r', ..] => "Netpbm",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        _ if text.starts_with("<svg") || text.contains("<svg") => "SVG",
        [0, 5, 0x16, 7, ..] => return "this is a Mac's note about another file (AppleDouble)".to_owned(),
        _ if has_brand(&[b"isom", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"iso2", b"iso4", b"iso5", b"iso6"]) => {
            return "this is a video: give it a name that ends in .mp4 or .mov".to_owned();
        }
        _ => return "its first bytes are those of no known format".to_owned(),
    };
    format!("this is {name}, which is not read here: convert it to JPEG or PNG first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0"[..], Kind::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Kind::Png),
            (b"GIF87a", Kind::Gif),
            (b"RIFF\0\0\0\0WEBPVP8 ", Kind::WebP),
            (b"BM\0\0", Kind::Bmp),
            (b"II*\0", Kind::Tiff),
            (b"MM\0+", Kind::Tiff),
        ] {
            assert_eq!(Kind::of(bytes), Some(kind), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, name) in [
            (&b""[..], "empty"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
            (b"\xff\x0a\x00\x00", "JPEG XL"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
            (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2", "video"),
            (b"<!DOCTYPE html><html>", "HTML"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"P6\n2 2\n255\n", "Netpbm"),
            (b"not a picture", "no known format"),
            (b"\0\0\0\x0cftyp", "no known format"),
        ] {
            assert_eq!(Kind::of(bytes), None, "{bytes:?}");
            assert!(other(bytes).contains(name), "{bytes:?}: {}", other(bytes));
        }
    }
}
