//! The rows of one shard: written to a temporary file, synced and renamed when complete.

use std::io::Write;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use weights_convert::WholeFile;

use super::done::Done;
use super::folder::ShardFolder;
use super::split::Shard;
use crate::digest::hexadecimal;

/// An unfinished shard. Dropped before [`Part::keep`], it leaves nothing behind.
pub struct Part<'a> {
    folder: &'a ShardFolder,
    shard: Shard,
    file: WholeFile,
    hash: Sha256,
    done: Done,
}

impl<'a> Part<'a> {
    /// Starts a shard with this many lines of the list.
    pub fn create(folder: &'a ShardFolder, shard: Shard, sources: usize) -> Result<Self> {
        let done = Done {
            fingerprint: folder.fingerprint().digest(),
            shard: shard.index,
            shards: shard.of.get(),
            sources,
            rows: 0,
            errors: 0,
            objects: 0,
            sha256: String::new(),
        };
        Ok(Self { folder, shard, file: WholeFile::create(&folder.rows(shard))?, hash: Sha256::new(), done })
    }

    /// Adds the row of a picture with this many objects.
    pub fn add_picture(&mut self, row: &str, objects: usize) -> Result<()> {
        self.done.objects += objects;
        self.add(row)
    }

    /// Adds the row of a picture that could not be searched.
    pub fn add_error(&mut self, row: &str) -> Result<()> {
        self.done.errors += 1;
        self.add(row)
    }

    fn add(&mut self, row: &str) -> Result<()> {
        self.done.rows += 1;
        self.hash.update(row);
        self.hash.update("\n");
        writeln!(self.file, "{row}").with_context(|| self.folder.rows(self.shard).display().to_string())
    }

    /// Moves the complete rows to their final name, and then writes the receipt.
    pub fn keep(self) -> Result<Done> {
        let Self { folder, shard, file, hash, done } = self;
        let done = Done { sha256: hexadecimal(&hash.finalize()), ..done };
        // Runs with different fingerprints may have started in an empty folder at the same time; only one may go on.
        folder.check()?;
        file.keep()?;
        let receipt = serde_json::to_string_pretty(&done)? + "\n";
        WholeFile::write(&folder.receipt(shard), receipt.as_bytes())?;
        Ok(done)
    }
}
