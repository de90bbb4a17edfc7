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
    is_new: bool,
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
        make_folder(parent)?;
        let numbered = (2..).map(|number| project.join(format!("{name}{number}")));
        for path in std::iter::once(first.clone()).chain(numbered) {
            match fs::create_dir(&path) {
                Ok(()) => {
                    let mut folder = Self::open(path)?;
                    folder.is_new = true;
                    return Ok(folder);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Opens or makes `project/name`. Files in it stay, except those of an earlier run that this one writes again.
    pub fn reuse(project: &Path, name: &str) -> Result<Self> {
        let path = project.join(name);
        make_folder(&path)?;
        Self::open(path)
    }

    fn open(path: PathBuf) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix(WholeFile::PREFIX).tempdir_in(&path);
        let scratch = Some(scratch.with_context(|| path.display().to_string())?);
        let ledger = Arc::new(Ledger::of(&path)?);
        Ok(Self { path, is_new: false, ledger, sources: HashSet::new(), verbose: false, scratch })
    }

    /// Protects these files from being replaced, under any name.
    pub fn protect<'a>(&mut self, sources: impl IntoIterator<Item = &'a Path>) {
        // A new folder contains none of them.
        if !self.is_new {
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

    /// The folder of unfinished files.
    pub fn scratch(&self) -> &Path {
        self.scratch.as_ref().expect("it is there until the folder is dropped").path()
    }

    /// Whether this run has written nothing into it.
    pub fn is_untouched(&self) -> bool {
        self.ledger.is_untouched()
    }

    /// Starts a file of this name in the folder; makes the folders that it needs.
    pub fn file(&self, name: &str) -> Result<OutputFile> {
        let path = self.path.join(name);
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
        let path = self.path.join(name);
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

/// Makes a folder and its parents; the error names one that is not a folder.
fn make_folder(folder: &Path) -> Result<()> {
    if let Some(other) = folder.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
        bail!("{}: expected a folder, found a file", other.display());
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

impl Drop for RunFolder {
    /// Removes a new folder into which nothing was written.
    fn drop(&mut self) {
        self.scratch = None;
        if self.is_new {
            // Removes it only if it is empty; otherwise this fails, as it should.
            fs::remove_dir(&self.path).ok();
        }
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
