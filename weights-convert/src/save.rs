//! Where a conversion's result goes, and its way there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{container::is_converted, convert::Converted, error::Error, whole_file::WholeFile};

/// Links followed before they are taken for a circle, as Linux does.
const MAX_LINKS: usize = 40;

/// Where the result of converting `input` goes: to the file asked for, links followed, or else beside the input, under
/// its name with `.safetensors`.
///
/// # Errors
/// It would replace the input, something that is no file, or a file that no conversion has written.
pub fn output_path(input: &Path, wanted: Option<&Path>) -> Result<PathBuf, Error> {
    let named = wanted.map_or_else(|| input.with_extension("safetensors"), Path::to_owned);
    let path = follow(&named).map_err(|source| Error::Write { path: named.clone(), source })?;
    if path == input || is_same(&path, input) {
        return Err(Error::OutputIsInput { path: named });
    }
    match fs::metadata(&path) {
        Err(_) => Ok(path),
        Ok(found) if found.is_dir() => Err(Error::OutputIsNoFile { path: named, found: "a folder" }),
        Ok(found) if !found.is_file() => Err(Error::OutputIsNoFile { path: named, found: "a device or a pipe" }),
        Ok(found) if found.len() > 0 && !is_converted(&path)? => Err(Error::OutputIsForeign { path: named }),
        Ok(_) => Ok(path),
    }
}

/// The place that a path means, whether something is there yet or not.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // A relative link starts at the link's own folder.
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Whether both are one file, under whatever names.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
            return (one.dev(), one.ino()) == (other.dev(), other.ino());
        }
    }
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes a converted file beside `path` and renames it: `path` is the old file or the new one,
/// never a part.
///
/// # Errors
/// The system's, with the file's name.
pub fn write(converted: &Converted, path: &Path) -> Result<(), Error> {
    WholeFile::write(path, &converted.bytes)
}
