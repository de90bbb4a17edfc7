//! The folder that the shards of one list share.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weights_convert::WholeFile;

use super::done::Done;
use super::fingerprint::Fingerprint;
use super::split::Shard;
use crate::digest::sha256;

/// The file with the fingerprint.
const MANIFEST: &str = "manifest.json";
/// The folder of label files.
const LABELS: &str = "labels";

/// A folder whose manifest has the fingerprint of this run.
#[derive(Debug)]
pub struct ShardFolder {
    path: PathBuf,
    fingerprint: Fingerprint,
}

impl ShardFolder {
    /// Opens or makes the folder at `path`; one with another fingerprint, or with other files, is refused.
    pub fn open(path: &Path, fingerprint: Fingerprint) -> Result<Self> {
        let folder = Self { path: path.to_owned(), fingerprint };
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        if manifest(path)?.is_none() {
            let others = others(path)?;
            // Another shard may have started at the same time: then both write the same manifest.
            if !others.is_empty() && manifest(path)?.is_none() {
                bail!("{}: has {} and no {MANIFEST}: name a new folder", path.display(), others[0]);
            }
            let text = serde_json::to_string_pretty(&folder.fingerprint.0)? + "\n";
            WholeFile::write(&path.join(MANIFEST), text.as_bytes())?;
        }
        folder.check()?;
        Ok(folder)
    }

    /// Opens the folder at `path`, whatever its fingerprint.
    pub fn existing(path: &Path) -> Result<Self> {
        let found = manifest(path)?;
        let fingerprint =
            found.with_context(|| format!("{}: no {MANIFEST}: not a folder of shards", path.display()))?;
        Ok(Self { path: path.to_owned(), fingerprint })
    }

    /// Refuses a folder with another fingerprint.
    pub fn check(&self) -> Result<()> {
        let path = self.path.join(MANIFEST);
        let found = manifest(&self.path)?.with_context(|| format!("{}: is gone", path.display()))?;
        match self.fingerprint.difference(&found) {
            Some(difference) => bail!("{}: of another run: {difference}", path.display()),
            None => Ok(()),
        }
    }

    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The number of shards.
    pub fn shards(&self) -> Result<NonZeroUsize> {
        let shards = self.fingerprint.0["shards"].as_u64().and_then(|shards| usize::try_from(shards).ok());
        let shards = shards.and_then(NonZeroUsize::new);
        shards.with_context(|| format!("{}: shards: expected a number from 1", self.path.join(MANIFEST).display()))
    }

    /// The file with the rows of a shard.
    pub fn rows(&self, shard: Shard) -> PathBuf {
        self.path.join(format!("part-{}-of-{}.jsonl", shard.index, shard.of))
    }

    /// The file that marks a shard as finished.
    pub fn receipt(&self, shard: Shard) -> PathBuf {
        self.rows(shard).with_extension("json")
    }

    /// Writes the label file of a picture. Without objects there is none; one left by an earlier try is the same.
    pub fn write_labels(&self, stem: &str, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let folder = self.path.join(LABELS);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(WholeFile::write(&folder.join(format!("{stem}.txt")), text.as_bytes())?)
    }

    /// The receipt of a shard if it is finished: the rows match the digest in the receipt.
    pub fn done(&self, shard: Shard) -> Result<Option<Done>> {
        let path = self.receipt(shard);
        let Some(text) = if_there(fs::read_to_string(&path)).with_context(|| path.display().to_string())? else {
            return Ok(None);
        };
        let done: Done = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        if done.fingerprint != self.fingerprint.digest() {
            bail!(
                "{}: of another run: expected fingerprint {}, found {}",
                path.display(),
                self.fingerprint.digest(),
                done.fingerprint
            );
        }
        let rows = self.rows(shard);
        let digest = if_there(File::open(&rows).and_then(|mut file| sha256(&mut file)))
            .with_context(|| rows.display().to_string())?;
        Ok((digest.as_deref() == Some(&done.sha256)).then_some(done))
    }

    /// Removes unfinished files of killed runs.
    pub fn clear(&self) -> Result<()> {
        for folder in [self.path.clone(), self.path.join(LABELS)] {
            let Some(entries) = if_there(fs::read_dir(&folder)).with_context(|| folder.display().to_string())? else {
                continue;
            };
            for entry in entries {
                let entry = entry.with_context(|| folder.display().to_string())?;
                if entry.file_name().to_string_lossy().starts_with(WholeFile::PREFIX) {
                    fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
                }
            }
        }
        Ok(())
    }
}

/// The manifest of the folder at `path`, if it has one.
fn manifest(path: &Path) -> Result<Option<Fingerprint>> {
    let file = path.join(MANIFEST);
    let name = || file.display().to_string();
    let Some(text) = if_there(fs::read_to_string(&file)).with_context(name)? else {
        return Ok(None);
    };
    Ok(Some(Fingerprint(serde_json::from_str(&text).with_context(name)?)))
}

/// The files in a folder, without unfinished ones.
fn others(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let name = entry.with_context(|| path.display().to_string())?.file_name().to_string_lossy().into_owned();
        if !name.starts_with(WholeFile::PREFIX) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Turns "not found" into `None`.
fn if_there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
