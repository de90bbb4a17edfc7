//! The folder of a run: `runs/detect/predict`, `predict2` and so on.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A folder that this run may write into.
pub struct RunFolder {
    path: PathBuf,
    is_new: bool,
}

impl RunFolder {
    /// Makes `project/name`, or with a number after it where that is taken. Two runs never get the same one.
    pub fn create(project: &Path, name: &str) -> Result<Self> {
        let failed = |path: &Path| path.display().to_string();
        let first = project.join(name);
        let parent = first.parent().unwrap_or(project);
        fs::create_dir_all(parent).with_context(|| failed(parent))?;
        let numbered = (2..).map(|number| project.join(format!("{name}{number}")));
        for path in std::iter::once(first.clone()).chain(numbered) {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_new: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error).with_context(|| failed(&path)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// `project/name`, whether it is there or not; what is in it stays, unless this run writes the same file.
    pub fn reuse(project: &Path, name: &str) -> Result<Self> {
        let path = project.join(name);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, is_new: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder within, made when it is first asked for.
    pub fn subfolder(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

impl Drop for RunFolder {
    /// A folder that was made in vain goes again.
    fn drop(&mut self) {
        if self.is_new {
            // It is only removed if it is empty, so an error is what success looks like.
            fs::remove_dir(&self.path).ok();
        }
    }
}
