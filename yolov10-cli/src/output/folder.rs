//! The folder of a run: `runs/detect/predict`, `predict2` and so on. A run writes all its files through it.
//!
//! It never replaces a source of the run or a file that this program did not make.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use weights_convert::WholeFile;

use super::file::OutputFile;
use super::ledger::Ledger;

/// A folder that this run may write into.
pub struct RunFolder {
    path: PathBuf,
    /// The folders that this run made for it, the innermost first.
    made: Vec<PathBuf>,
    ledger: Arc<Ledger>,
    /// The files that the run reads, as some may be in this folder.
    sources: HashSet<Identity>,
    verbose: bool,
    /// Holds unfinished files; removed before the folder itself.
    scratch: Option<TempDir>,
}

impl RunFolder {
    /// Makes `project/name`, or `project/nameN` if that exists. Two runs never get the same folder.
    pub fn create(project: &Path, name: &str) -> Result<Self> {
        let first = project.join(name);
        let parent = first.parent().unwrap_or(project);
        let mut made = make_folder(parent)?;
        let numbered = (2..).map(|number| project.join(format!("{name}{number}")));
        for path in std::iter::once(first.clone()).chain(numbered) {
            let mut result = fs::create_dir(&path);
            if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                // Another run had made the parent, and has removed it again.
                made = make_folder(parent)?;
                result = fs::create_dir(&path);
            }
            match result {
                Ok(()) => {
                    made.insert(0, path.clone());
                    return Self::open(path, made);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => {
                    remove_empty(&made);
                    return Err(error).with_context(|| path.display().to_string());
                }
            }
        }
        unreachable!("numbers do not end")
    }

    /// Opens or makes `project/name`. Files in it stay, except those of an earlier run that this one writes again.
    pub fn reuse(project: &Path, name: &str) -> Result<Self> {
        let path = project.join(name);
        let made = make_folder(&path)?;
        Self::open(path, made)
    }

    fn open(path: PathBuf, made: Vec<PathBuf>) -> Result<Self> {
        let ledger = Arc::new(Ledger::of(&path)?);
        let mut folder = Self { path, made, ledger, sources: HashSet::new(), verbose: false, scratch: None };
        let scratch = tempfile::Builder::new().prefix(WholeFile::PREFIX).tempdir_in(&folder.path);
        folder.scratch = Some(scratch.with_context(|| folder.path.display().to_string())?);
        Ok(folder)
    }

    /// Protects these files from being replaced, under any name.
    pub fn protect<'a>(&mut self, sources: impl IntoIterator<Item = &'a Path>) {
        // A new folder contains none of them.
        if !self.made.contains(&self.path) {
            self.sources.extend(sources.into_iter().filter_map(identity));
        }
    }

    /// Prints the name of every finished file on stderr from now on.
    pub fn name_files(&mut self) {
        self.verbose = true;
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file of this name in the folder, whose parts are separated by `/` on every system.
    pub fn path_of(&self, name: &str) -> PathBuf {
        let mut path = self.path.clone();
        path.extend(name.split('/'));
        path
    }

    /// The folder of unfinished files.
    pub fn scratch(&self) -> &Path {
        self.scratch.as_ref().expect("it is there until the folder is dropped").path()
    }

    /// The folders that this run made, the innermost first: they are removed at the end if they are empty.
    pub fn made(&self) -> &[PathBuf] {
        &self.made
    }

    /// Whether this run has written nothing into it.
    pub fn is_untouched(&self) -> bool {
        self.ledger.is_untouched()
    }

    /// Starts a file of this name in the folder; makes the folders that it needs.
    pub fn file(&self, name: &str) -> Result<OutputFile> {
        let path = self.path_of(name);
        self.check(name, &path)?;
        let parent = path.parent().expect("it lies in the folder");
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        OutputFile::create(self.scratch(), path, name.to_owned(), Arc::clone(&self.ledger), self.verbose)
    }

    /// Writes a file of this name in the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.file(name)?;
        file.append(bytes)?;
        file.keep()
    }

    /// Removes the file of this name if an earlier run left one.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path_of(name);
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        self.check(name, &path)?;
        fs::remove_file(&path).with_context(|| path.display().to_string())
    }

    /// Checks that there is nothing at `path`, or a file that may be replaced.
    fn check(&self, name: &str, path: &Path) -> Result<()> {
        let Ok(found) = path.symlink_metadata() else {
            return Ok(());
        };
        if identity(path).is_some_and(|found| self.sources.contains(&found)) {
            bail!("{}: is a source of this run, and is not replaced; name another folder", path.display());
        }
        if found.is_dir() {
            bail!("{}: a folder is in the way", path.display());
        }
        if !self.ledger.has(name) {
            bail!("{}: was not made by this program, and is not replaced; name another folder", path.display());
        }
        Ok(())
    }
}

/// Makes a folder and its parents, and gives those that were not there, the innermost first; the error names one that is
/// not a folder.
fn make_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    if let Some(other) = folder.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
        bail!("{}: expected a folder, found a file", other.display());
    }
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing = folder.ancestors().take_while(is_missing).map(Path::to_owned).collect();
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    Ok(missing)
}

/// Removes those of these folders that are empty, the innermost first.
pub fn remove_empty(folders: &[PathBuf]) {
    for folder in folders {
        // If anything is in it, this fails, as it should.
        fs::remove_dir(folder).ok();
    }
}

impl Drop for RunFolder {
    /// Removes new folders into which nothing was written.
    fn drop(&mut self) {
        self.scratch = None;
        if self.made.contains(&self.path) {
            remove_empty_below(&self.path);
        }
        remove_empty(&self.made);
    }
}

/// Removes the folders below this one in which there is no file: a file that failed had a folder made for it.
fn remove_empty_below(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty_below(&entry.path());
        fs::remove_dir(entry.path()).ok();
    }
}

/// Identifies a file, whatever its name: device and inode.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

/// The identity of a file, or of the target of a link.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    let found = path.metadata().ok()?;
    Some((std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found)))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.canonicalize().ok()
}
