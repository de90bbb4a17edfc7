//! One file of a run's folder, written completely or not at all; errors name the file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use weights_convert::WholeFile;

use super::ledger::Ledger;
use crate::message;

/// An unfinished file. Dropped before [`OutputFile::keep`], it leaves nothing behind.
pub struct OutputFile {
    file: WholeFile,
    ledger: Arc<Ledger>,
    path: PathBuf,
    /// Its path within the folder.
    name: String,
    verbose: bool,
}

impl OutputFile {
    /// Starts a file in `scratch` that will be moved to `path`; the ledger knows it as `name`.
    pub(super) fn create(
        scratch: &Path,
        path: PathBuf,
        name: String,
        ledger: Arc<Ledger>,
        verbose: bool,
    ) -> Result<Self> {
        let file = WholeFile::create_in(scratch, &path)?;
        Ok(Self { file, ledger, path, name, verbose })
    }

    /// Appends to the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).with_context(|| self.path.display().to_string())
    }

    /// Its final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path until it is kept, for another program that writes it.
    pub fn temporary_path(&self) -> &Path {
        self.file.path_for_others()
    }

    /// Moves the complete file to its final path, replacing an older one.
    pub fn keep(self) -> Result<()> {
        let Self { file, ledger, path, name, verbose } = self;
        file.keep_unsynced()?;
        ledger.record(&name).with_context(|| path.display().to_string())?;
        if verbose {
            message::note(format_args!("wrote {}", path.display()));
        }
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
