//! Files that are written completely or not at all: to a temporary file, which is synced and then renamed.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::error::Error;

/// A file that is being written. If it is dropped before [`WholeFile::keep`], nothing is left of it, and an older file of
/// that name is unchanged.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl WholeFile {
    /// The first letters of every temporary file.
    pub const PREFIX: &str = ".yolo10-burn-";

    /// Starts a file that will be at `path`.
    ///
    /// # Errors
    /// The folder is missing, or can't take files.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::create_in(folder_of(path), path)
    }

    /// The same, with the temporary file in another folder on the same disk.
    ///
    /// # Errors
    /// The folder is missing, or can't take files.
    pub fn create_in(folder: &Path, path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        // Asked first: if the folder is missing, the error would name the temporary file.
        folder.metadata().map_err(failed)?;
        let mut builder = Builder::new();
        builder.prefix(Self::PREFIX);
        // Temporary files are private; a result has the permissions that the umask allows.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|error| failed(without_path(error)))?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned() })
    }

    /// Writes all of `bytes` to `path`.
    ///
    /// # Errors
    /// The file can't be written; the error names it, and an older file is unchanged.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut file = Self::create(path)?;
        file.write_all(bytes).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        file.keep()
    }

    /// The path of the temporary file, for another program that writes it.
    pub fn path_for_others(&self) -> &Path {
        self.writer.get_ref().path()
    }

    /// Completes the file: renames it, over an older one if there is one, and returns once that is on the disk.
    ///
    /// # Errors
    /// The file can't be written; the error names it.
    pub fn keep(self) -> Result<(), Error> {
        self.persist(Sync::Now)
    }

    /// The same, without waiting for the disk: for one of many files, each of which can be made again.
    ///
    /// # Errors
    /// The file can't be written; the error names it.
    pub fn keep_unsynced(self) -> Result<(), Error> {
        self.persist(Sync::Later)
    }

    fn persist(self, sync: Sync) -> Result<(), Error> {
        let Self { writer, path } = self;
        persist(writer, &path, sync).map_err(|source| Error::Write { path, source: without_path(source) })
    }
}

/// When a file reaches the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Now,
    Later,
}

fn persist(writer: BufWriter<NamedTempFile>, path: &Path, sync: Sync) -> io::Result<()> {
    let file = writer.into_inner().map_err(|error| error.into_error())?;
    if sync == Sync::Now {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself is on the disk once the folder is.
    #[cfg(unix)]
    if sync == Sync::Now {
        std::fs::File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes).map_err(without_path)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(without_path)
    }
}

/// What the system said, without the temporary file's name: nobody knows that one.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.rsplit_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}
