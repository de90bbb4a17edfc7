//! The options of `run` that split a list.

use std::path::PathBuf;

use crate::shards::Shard;

/// Searching a part of a list, so that many runs share the work.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Shards")]
pub struct ShardArgs {
    /// Search this list in parts: one file or http(s) address on each line, as .txt or .csv.
    #[arg(
        long,
        value_name = "FILE",
        requires = "out",
        conflicts_with_all = ["sources", "recursive", "json", "save", "save_crop", "save_csv", "save_json", "project", "name", "exist_ok", "save_frames", "source", "fail_empty"]
    )]
    pub list: Option<PathBuf>,
    /// Which part of the list, I from 0 to N - 1; every run has the same N [default: 0/1, all of it].
    #[arg(long, value_name = "I/N", requires = "list")]
    pub shard: Option<Shard>,
    /// The folder that the parts of the list share: rows as JSON, a manifest, with --save-txt labels.
    #[arg(long, value_name = "FOLDER", requires = "list")]
    pub out: Option<PathBuf>,
}
