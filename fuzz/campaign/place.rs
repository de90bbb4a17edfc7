//! A folder for a worker: what reads files by their names needs files.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A data set of one picture, of which one file is what is tried.
pub struct Place(TempDir);

impl Place {
    /// With these files; what is in a picture's does not matter here.
    pub fn new(files: &[(&str, &str)]) -> Self {
        // In memory where the system has a place there.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let place = Self(TempDir::with_prefix_in("campaign-", root).expect("room for a folder"));
        for (name, content) in files {
            place.write(name, content.as_bytes());
        }
        place
    }

    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and gives its path.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("room for a folder");
        fs::write(&path, content).expect("room for a file");
        path
    }
}
