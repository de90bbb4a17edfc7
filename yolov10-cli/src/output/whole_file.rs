//! Files that are written whole or not at all: beside their place, then renamed into it.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file in the making. Dropped before [`WholeFile::keep`], it leaves nothing.
pub struct WholeFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl WholeFile {
    /// Starts a file in `folder` that will lie at `path`, on the same disk.
    pub fn create_in(folder: &Path, path: &Path) -> io::Result<Self> {
        // Asked first: where there is no folder, a temporary file's error would name the temporary file.
        folder.metadata()?;
        let mut builder = Builder::new();
        builder.prefix(".yolo10-burn-");
        // A temporary file is private; a result has the rights that the umask leaves.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { writer: BufWriter::new(builder.tempfile_in(folder)?), path: path.to_owned() })
    }

    /// Writes all of `bytes` to `path`.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = Self::create_in(folder, path)?;
        file.write_all(bytes)?;
        file.keep()
    }

    /// Where the file is until it is kept, for a program that writes it in our place.
    pub fn temporary_path(&self) -> &Path {
        self.writer.get_ref().path()
    }

    /// The file is complete: gives it its name, in place of an older one.
    pub fn keep(self) -> io::Result<()> {
        let file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
