//! The zip container of `torch.save`: `<stem>/data.pkl`, `<stem>/data/<key>`, `<stem>/byteorder`.
//!
//! Every entry that is needed is checked (size, CRC) when the archive is opened. Stored entries, the usual kind, are then
//! slices of the file; deflated ones are inflated within `limits::growth`.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Cursor, Read},
};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use crate::{
    container,
    error::{Error, printable},
    limits,
};

/// The pickle and the storages of one checkpoint.
pub(crate) struct Archive<'a> {
    pickle: Cow<'a, [u8]>,
    storages: BTreeMap<String, Cow<'a, [u8]>>,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(file: &'a [u8]) -> Result<Self, Error> {
        let mut zip = ZipArchive::new(Cursor::new(file)).map_err(|error| broken("", &error))?;
        let root = root(&zip)?;
        let mut budget = limits::growth(file.len());
        let mut archive = Archive { pickle: Cow::default(), storages: BTreeMap::new() };
        for index in 0..zip.len() {
            let Some(name) = entry_name(&zip, index) else {
                continue;
            };
            let Some(inner) = name.strip_prefix(&root) else {
                continue;
            };
            if inner == "data.pkl" {
                archive.pickle = read(&mut zip, index, file, &mut budget)?;
            } else if let Some(key) = inner.strip_prefix("data/") {
                let storage = read(&mut zip, index, file, &mut budget)?;
                archive.storages.insert(key.to_owned(), storage);
            } else if inner == "byteorder" {
                let order = read(&mut zip, index, file, &mut budget)?;
                if *order != *b"little" {
                    return Err(Error::ByteOrder { found: printable(&String::from_utf8_lossy(&order)) });
                }
            }
        }
        Ok(archive)
    }

    pub(crate) fn pickle(&self) -> &[u8] {
        &self.pickle
    }

    pub(crate) fn storage(&self, key: &str) -> Option<&[u8]> {
        self.storages.get(key).map(|bytes| &**bytes)
    }
}

/// `<stem>/`: the stem is the file's name when it was saved, or `archive`, so it is found, not assumed.
fn root(zip: &ZipArchive<Cursor<&[u8]>>) -> Result<String, Error> {
    let is_root = |root: &str| root.is_empty() || root.find('/') == Some(root.len() - 1);
    let names = || (0..zip.len()).filter_map(|index| entry_name(zip, index));
    let mut roots = names().filter_map(|name| name.strip_suffix("data.pkl").map(str::to_owned));
    let Some(root) = roots.find(|root| is_root(root)) else {
        return Err(container::other_zip(names()));
    };
    // TorchScript has a program next to its pickle, which needs it.
    if names().any(|name| name.strip_prefix(&root).is_some_and(|inner| inner.starts_with("code/"))) {
        return Err(container::torch_script());
    }
    Ok(root)
}

/// Entries whose name is not UTF-8 do not come from torch.
fn entry_name(zip: &ZipArchive<Cursor<&[u8]>>, index: usize) -> Option<String> {
    Some(zip.name_for_index(index)?.ok()?.into_owned())
}

fn read<'a>(
    zip: &mut ZipArchive<Cursor<&'a [u8]>>,
    index: usize,
    file: &'a [u8],
    budget: &mut u64,
) -> Result<Cow<'a, [u8]>, Error> {
    let name = entry_name(zip, index).unwrap_or_default();
    let mut entry = zip.by_index(index).map_err(|error| broken(&name, &error))?;
    let size = entry.size();
    limits::check(&format!("bytes of zip entry {}", printable(&name)), size, *budget)?;
    *budget -= size;
    let is_stored = entry.compression() == CompressionMethod::Stored;
    // The declared size bounds the memory: an entry that inflates to more is an error.
    let mut unfolded = Vec::with_capacity(if is_stored { 0 } else { size as usize });
    let mut content = entry.by_ref().take(size + 1);
    let read = if is_stored {
        // Reading to the end makes the crate verify the CRC.
        io::copy(&mut content, &mut io::sink())
    } else {
        io::copy(&mut content, &mut unfolded)
    };
    let read = read.map_err(|error| broken(&name, &error.into()))?;
    let start = entry.data_start().map_or(file.len(), |start| start as usize);
    match file.get(start..).and_then(|rest| rest.get(..size as usize)) {
        _ if read != size => {
            let reason = format!("expected {size} bytes, found {}", if read > size { "more" } else { "fewer" });
            Err(Error::Zip { entry: printable(&name), reason })
        }
        Some(stored) if is_stored => Ok(Cow::Borrowed(stored)),
        _ => Ok(Cow::Owned(unfolded)),
    }
}

fn broken(entry: &str, error: &ZipError) -> Error {
    let reason = match error {
        ZipError::InvalidArchive(_) if entry.is_empty() => {
            format!("truncated or damaged ({error})")
        }
        ZipError::Io(error) => error.to_string(),
        _ => error.to_string(),
    };
    Error::Zip { entry: printable(entry), reason: printable(&reason) }
}
