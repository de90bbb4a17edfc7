//! What a weights file is, by its first bytes; for any other file, what it is and what to do.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use crate::{
    error::{Error, printable},
    format::FORMAT,
    limits::{self, MAX_FILE},
};

/// The containers that weights come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// What `torch.save` writes since torch 1.6.
    Zip,
    Safetensors,
}

/// The first local file header of a zip.
const ZIP: &[u8] = b"PK\x03\x04";

/// Where a safetensors file has the first byte of its header, after the header's length.
const SAFETENSORS_BRACE: usize = 8;

/// The pickled number that files from before torch 1.6 start with.
const OLD_TORCH: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// How many bytes of an unknown file its error shows.
const SHOWN_START: usize = 16;

const UNPACK: &str = "unpack it first";
const EXPORTED: &str = "give the .pt that it was exported from";
const PICTURE: &str = "a picture is a source, not weights";
const ANSWER: &str = "a server may have sent it in place of the file: download it again";

/// Files that people mistake for weights: the place of the magic number, the number, what the file is, and what to do.
const OTHERS: [(usize, &[u8], &str, &str); 20] = [
    (0, b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "`git lfs pull` fetches the file itself"),
    (0, b"\x1f\x8b", "a gzip archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", EXPORTED),
    (4, b"TFL3", "a TensorFlow Lite model", EXPORTED),
    (0, b"ftrt", "a TensorRT engine", EXPORTED),
    (0, b"GGUF", "a GGUF model", EXPORTED),
    (0, b"\0\0\0\0\x02\0\0\0", "Darknet's weights", "they are of another network"),
    (0, &[0; SHOWN_START], "a file of zeros", "the download or copy was not finished: do it again"),
    (0, b"\x93NUMPY", "a NumPy array", "give the .pt"),
    (0, b"\xff\xd8\xff", "a JPEG", PICTURE),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG", PICTURE),
    (0, b"RIFF", "a WebP, WAV or AVI", PICTURE),
    (0, b"\xef\xbb\xbfPK", "a zip that was copied as text", "copy or download it again, as binary"),
    (0, b"<?xml", "an XML file, as OpenVINO writes", EXPORTED),
];

/// What the file is.
pub(crate) fn recognize(bytes: &[u8]) -> Result<Container, Error> {
    if bytes.starts_with(ZIP) {
        return Ok(Container::Zip);
    }
    if bytes.get(SAFETENSORS_BRACE) == Some(&b'{') {
        return Ok(Container::Safetensors);
    }
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    if bytes.starts_with(OLD_TORCH) {
        return Err(Error::OldTorchFile);
    }
    if let Some((found, advice)) = other_format(bytes) {
        return Err(Error::OtherFormat { found, advice });
    }
    let start = &bytes[..bytes.len().min(SHOWN_START)];
    Err(Error::NotACheckpoint { start: start.escape_ascii().to_string() })
}

fn other_format(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let is_there = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((.., found, advice)) = OTHERS.iter().find(|(at, magic, ..)| is_there(*at, magic)) {
        return Some((found, advice));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let starts = |tag: &[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    match *bytes {
        _ if starts(b"<!doctype html") || starts(b"<html") => Some(("a web page", ANSWER)),
        _ if starts(b"{") || starts(b"[") => Some(("a JSON text", ANSWER)),
        // onnx.proto: the version of the format, then the producer's name or the graph.
        [0x08, 1..=0x20, 0x12 | 0x3a, ..] => Some(("an ONNX model", EXPORTED)),
        [0x80, 2..=5, ..] => Some(("a bare pickle", "load it in Python and save it with torch.save")),
        // The length of its metadata, and the metadata in JSON.
        [_, _, _, 0, b'{', ..] => Some(("a TensorRT engine", EXPORTED)),
        _ if is_text(bytes) => Some(("a text file", "give a .pt or .safetensors")),
        _ => None,
    }
}

/// Whether the start of the file is text without control characters.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(256)];
    let text = match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_some() => return false,
        // The last letter may be cut.
        Err(error) => String::from_utf8_lossy(&start[..error.valid_up_to()]),
        Ok(text) => text.into(),
    };
    text.chars().all(|letter| !letter.is_control() || letter.is_ascii_whitespace())
}

/// The file's bytes, if it is a file that is not larger than any checkpoint.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, length) = open(path)?;
    limits::check("bytes of the file", length, MAX_FILE)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| Error::Read(io::ErrorKind::OutOfMemory.into()))?;
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(Error::Read)?;
    Ok(bytes)
}

/// Whether a file begins the way this crate writes them. A wrong no, for a file that another program has rewritten, only costs
/// the caller time: [`convert`](crate::convert()) passes such a file through.
///
/// # Errors
/// There is no such file, or it can't be read.
pub fn is_converted(path: &Path) -> Result<bool, Error> {
    const LOOKED_AT: u64 = 4096;
    let mark = format!(r#""format":"{FORMAT}""#);
    let mut start = Vec::new();
    open(path)?.0.take(LOOKED_AT).read_to_end(&mut start).map_err(Error::Read)?;
    Ok(start.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

/// A device has no end and a pipe can be read only once: both are refused before they are opened.
fn open(path: &Path) -> Result<(File, u64), Error> {
    let metadata = fs::metadata(path).map_err(Error::Read)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(Error::NotAFile { found });
    }
    Ok((File::open(path).map_err(Error::Read)?, metadata.len()))
}

/// The error for a zip without torch's pickle.
pub(crate) fn other_zip(names: impl Iterator<Item = String>) -> Error {
    let is_checkpoint = |name: &str| [".pt", ".pth", ".safetensors"].iter().any(|ending| name.ends_with(ending));
    let mut entries = 0;
    for name in names {
        entries += 1;
        if is_checkpoint(&name) {
            return Error::PackedCheckpoint { entry: printable(&name) };
        }
    }
    Error::NoPickle { entries }
}

/// The error for a zip with a program.
pub(crate) fn torch_script() -> Error {
    Error::OtherFormat { found: "a TorchScript program", advice: EXPORTED }
}
