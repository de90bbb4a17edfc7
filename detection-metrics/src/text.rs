//! Text files: read whole, within bounds, as UTF-8.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// The most bytes of a text. Annotations of the largest public sets have fewer.
pub const LARGEST: u64 = 4 << 30;
/// The most bytes of a path, which is Linux's own bound.
pub const LONGEST_PATH: usize = 4096;
/// The most characters of a text that a message repeats.
const SHOWN: usize = 200;
/// What editors on Windows put at the start of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text, without its byte order mark.
pub fn read(path: &Path, largest: u64) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if is_device(&found.file_type()) {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let too_large = |found| Error::TooLarge { path: path.to_owned(), limit: largest, found };
    if found.len() > largest {
        return Err(too_large(found.len()));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    file.take(largest + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > largest {
        return Err(too_large(bytes.len() as u64));
    }
    decode(bytes).map_err(|found| Error::Encoding { path: path.to_owned(), found })
}

/// The text, or the encoding that it has instead of UTF-8.
fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    // Without a mark, text of mostly Latin letters in UTF-16 has a zero in every second byte.
    match *bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err("UTF-16"),
        [1..=u8::MAX, 0, 1..=u8::MAX, 0, ..] | [0, 1..=u8::MAX, 0, 1..=u8::MAX, ..] => return Err("UTF-16"),
        _ => (),
    }
    let text = String::from_utf8(bytes).map_err(|_| "something else")?;
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// Whether it is a device, which has no end.
fn is_device(kind: &std::fs::FileType) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        kind.is_char_device() || kind.is_block_device()
    }
    #[cfg(not(unix))]
    {
        !kind.is_file() && !kind.is_dir()
    }
}

/// Text from a file, cut to fit one line of a message.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_are_not_text_and_utf_16_is_named() {
        assert_eq!(decode(b"\xef\xbb\xbfa".to_vec()), Ok("a".to_owned()));
        assert_eq!(decode(b"\xff\xfea\0b\0".to_vec()), Err("UTF-16"));
        assert_eq!(decode(b"\xfe\xff\0a\0b".to_vec()), Err("UTF-16"));
        assert_eq!(decode(b"a\0b\0".to_vec()), Err("UTF-16"));
        assert_eq!(decode(b"caf\xe9".to_vec()), Err("something else"));
    }

    #[test]
    fn what_a_message_repeats_is_short() {
        assert_eq!(shown("a b"), "a b");
        assert_eq!(shown(&"x".repeat(1000)), format!("{}...", "x".repeat(200)));
    }
}
