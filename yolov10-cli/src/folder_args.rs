//! The options of `run` and `val` that say where files go.

use std::path::PathBuf;

use anyhow::Result;

use crate::output::RunFolder;

/// The default of `project`, as the system writes it.
const PROJECT: &str = if cfg!(windows) { r"runs\detect" } else { "runs/detect" };

/// Where files go. Each command sets the default of `name`.
#[derive(clap::Args, Debug)]
pub struct FolderArgs {
    /// The folder in which each run gets its own folder.
    #[arg(long, value_name = "FOLDER", default_value = PROJECT)]
    project: PathBuf,
    /// The folder of this run; a number is added if it exists.
    #[arg(long, value_name = "FOLDER")]
    name: String,
    /// Write into the folder even if it exists.
    #[arg(long)]
    exist_ok: bool,
}

impl FolderArgs {
    /// Whether an existing folder may be written into.
    pub fn is_reused(&self) -> bool {
        self.exist_ok
    }

    /// Opens the folder of this run.
    pub fn open(&self) -> Result<RunFolder> {
        if self.exist_ok {
            RunFolder::reuse(&self.project, &self.name)
        } else {
            RunFolder::create(&self.project, &self.name)
        }
    }
}
