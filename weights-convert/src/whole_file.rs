//! Files that are written whole or not at all: beside their place, synced, then renamed into it.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::error::Error;

/// A file in the making. Dropped before [`WholeFile::keep`], it leaves nothing, and an older file of its name is as it
/// was.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl WholeFile {
    /// Starts a file that will lie at `path`.
    ///
    /// # Errors
    /// The folder is not there, or takes no files.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::create_in(folder_of(path), path)
    }

    /// The same with another folder on that disk for it to lie in until it is kept.
    ///
    /// # Errors
    /// The folder is not there, or takes no files.
    pub fn create_in(folder: &Path, path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        // Asked first: if the folder is missing, the error would name the temporary file.
        folder.metadata().map_err(failed)?;
        let mut builder = Builder::new();
        builder.prefix(".yolo10-burn-");
        // Temporary files are private; a result has the permissions that the umask allows.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(failed)?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned() })
    }

    /// Writes all of `bytes` to `path`.
    ///
    /// # Errors
    /// The system's, with the file's name; an older file is then as it was.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut file = Self::create(path)?;
        file.write_all(bytes).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        file.keep()
    }

    /// Where the file is until it is kept, for another program that writes it.
    pub fn path_for_others(&self) -> &Path {
        self.writer.get_ref().path()
    }

    /// The file is complete: gives it its name, in place of an older one, and returns when both are on the disk.
    ///
    /// # Errors
    /// The system's, with the file's name.
    pub fn keep(self) -> Result<(), Error> {
        self.persist(Sync::Now)
    }

    /// The same without waiting for the disk: for one of many files, each of which can be made again.
    ///
    /// # Errors
    /// The system's, with the file's name.
    pub fn keep_unsynced(self) -> Result<(), Error> {
        self.persist(Sync::Later)
    }

    fn persist(self, sync: Sync) -> Result<(), Error> {
        let Self { writer, path } = self;
        persist(writer, &path, sync).map_err(|source| Error::Write { path, source })
    }
}

/// When a file is on the disk.
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
        fs::File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
