//! Files that are written whole or not at all: beside their place, then renamed into it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{Builder, NamedTempFile};

/// A file in the making. Dropped before [`OutputFile::keep`], it leaves nothing.
pub struct OutputFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl OutputFile {
    /// Starts a file that will lie at `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Asked first: where there is no folder, a temporary file's error would name the temporary file.
        folder.metadata().with_context(|| path.display().to_string())?;
        let mut builder = Builder::new();
        builder.prefix(".yolo10-burn-");
        // A temporary file is private; a result has the rights that the umask leaves.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).with_context(|| path.display().to_string())?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned() })
    }

    /// Writes all of `bytes` to `path`.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(bytes).with_context(|| path.display().to_string())?;
        file.keep()
    }

    /// Where the file is until it is kept, for a program that writes it in our place.
    pub fn temporary_path(&self) -> &Path {
        self.writer.get_ref().path()
    }

    /// The file is complete: gives it its name, in place of an older one.
    pub fn keep(self) -> Result<()> {
        let name = || self.path.display().to_string();
        let file = self.writer.into_inner().map_err(|error| error.into_error()).with_context(name)?;
        file.persist(&self.path).map_err(|error| error.error).with_context(name)?;
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}
