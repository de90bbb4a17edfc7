//! Records what this program wrote into a folder, so that a later run replaces only such files.
//!
//! `.yolo10-burn` in the folder has a line for each file: bytes, time of the last change, path. A file that has
//! changed since then is treated as somebody else's.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use yolov10_media::file_key;

/// The ledger's file name.
const NAME: &str = ".yolo10-burn";

/// A folder's ledger, shared by the threads that write.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// By their names' keys.
    left: HashMap<String, Stamp>,
    /// Opened when this run writes its first file.
    file: Option<File>,
}

/// The state in which a file was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    changed: u128,
}

impl Ledger {
    /// The ledger of a folder; an empty one if the folder has none.
    pub fn of(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| path.display().to_string())?,
        };
        let entries = Entries { left: text.lines().filter_map(parse).collect(), file: None };
        Ok(Self { folder: folder.to_owned(), entries: Mutex::new(entries) })
    }

    /// Whether the file `name` in the folder is as this program left it.
    pub fn has(&self, name: &str) -> bool {
        let left = self.entries().left.get(&file_key(name)).copied();
        left.is_some() && left == stamp(&self.folder.join(name)).ok()
    }

    /// Whether this run has written nothing yet.
    pub fn is_untouched(&self) -> bool {
        self.entries().file.is_none()
    }

    /// Records the file `name` as it is now.
    pub fn record(&self, name: &str) -> io::Result<()> {
        let Stamp { bytes, changed } = stamp(&self.folder.join(name))?;
        let mut entries = self.entries();
        let file = match &mut entries.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(self.folder.join(NAME))?),
        };
        // In one write, as another run may write here too.
        file.write_all(format!("{bytes} {changed} {name}\n").as_bytes())?;
        entries.left.insert(file_key(name), Stamp { bytes, changed });
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(line: &str) -> Option<(String, Stamp)> {
    let mut fields = line.splitn(3, ' ');
    let stamp = Stamp { bytes: fields.next()?.parse().ok()?, changed: fields.next()?.parse().ok()? };
    Some((file_key(fields.next()?), stamp))
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    // Of a link itself, not of its target.
    let found = path.symlink_metadata()?;
    let changed = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(Stamp { bytes: found.len(), changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_ours_until_somebody_writes_into_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a b.txt");
        fs::write(&path, "ours").expect("a file");
        let ledger = Ledger::of(folder.path()).expect("no ledger yet");
        assert!(!ledger.has("a b.txt") && ledger.is_untouched());
        ledger.record("a b.txt").expect("it is there");
        assert!(ledger.has("a b.txt") && !ledger.is_untouched());
        let later = Ledger::of(folder.path()).expect("a ledger");
        assert!(later.has("a b.txt") && later.is_untouched());
        fs::write(&path, "theirs").expect("a file");
        assert!(!later.has("a b.txt"));
    }
}
