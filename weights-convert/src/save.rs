//! Where a conversion's result goes, and how it gets there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{container::is_converted, convert::Converted, error::Error, whole_file::WholeFile};

/// How many links are followed before they are taken for a loop, as on Linux.
const MAX_LINKS: usize = 40;

/// Where the result of converting `input` goes: to the wanted file, with links followed, or else beside the input, under its
/// name with `.safetensors`.
///
/// # Errors
/// It would replace the input, something that is not a file, or a file that was not written by a conversion.
pub fn output_path(input: &Path, wanted: Option<&Path>) -> Result<PathBuf, Error> {
    let named = wanted.map_or_else(|| input.with_extension("safetensors"), Path::to_owned);
    const DEVICE: &str = "a device or a pipe";
    // Before links are followed: those of open pipes lead nowhere.
    let is_device = |path: &Path| fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    if named == Path::new("-") || is_device(&named) {
        return Err(Error::OutputIsNoFile { path: named, found: DEVICE });
    }
    let path = follow(&named).map_err(|source| Error::Write { path: named.clone(), source })?;
    if !input.is_dir() && (path == input || is_same(&path, input)) {
        return Err(Error::OutputIsInput { path: named });
    }
    // It cannot be replaced unread: whose it is stands in it.
    let is_ours = |path: &Path| {
        is_converted(path).map_err(|error| match error {
            Error::Read(source) => Error::Write { path: named.clone(), source },
            other => other,
        })
    };
    match fs::metadata(&path) {
        Err(_) => Ok(path),
        Ok(found) if found.is_dir() => Err(Error::OutputIsNoFile { path: named, found: "a folder" }),
        Ok(found) if found.len() > 0 && !is_ours(&path)? => Err(Error::OutputIsForeign { path: named }),
        Ok(_) => Ok(path),
    }
}

/// The place that a path leads to, whether or not something is there yet.
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

/// Whether both are the same file, under any names.
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

/// Writes a converted file beside `path` and renames it: `path` is the old file or the new one, never a part of it.
///
/// # Errors
/// The file can't be written; the error names it.
pub fn write(converted: &Converted, path: &Path) -> Result<(), Error> {
    WholeFile::write(path, &converted.bytes)
}
