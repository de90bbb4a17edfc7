//! Where the files of a run go: the options that `run` and `val` share.

use std::path::PathBuf;

use anyhow::Result;

use crate::output::RunFolder;

/// A command gives `name` its default.
#[derive(clap::Args, Debug)]
pub struct FolderArgs {
    /// The folder in which each run gets its own folder.
    #[arg(long, value_name = "FOLDER", default_value = "runs/detect")]
    project: PathBuf,
    /// The folder of this run; a number is added if it exists.
    #[arg(long, value_name = "FOLDER")]
    name: String,
    /// Write into the folder even if it exists.
    #[arg(long)]
    exist_ok: bool,
}

impl FolderArgs {
    /// The folder that this run may write into.
    pub fn open(&self) -> Result<RunFolder> {
        if self.exist_ok {
            RunFolder::reuse(&self.project, &self.name)
        } else {
            RunFolder::create(&self.project, &self.name)
        }
    }
}
