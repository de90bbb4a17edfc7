//! The options of `run` that split a list.

use std::path::PathBuf;

use crate::shards::Shard;

/// Searching a part of a list, so that many runs share the work.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Shards")]
pub struct ShardArgs {
    /// A list to search in parts: .txt or .csv, with one file or http(s) address on each line.
    #[arg(
        long,
        value_name = "FILE",
        requires = "out",
        conflicts_with_all = ["sources", "recursive", "json", "save", "save_crop", "save_csv", "save_json", "project", "name", "exist_ok", "save_frames", "source", "fail_empty"]
    )]
    pub list: Option<PathBuf>,
    /// Which part of the list to search, I from 0 to N - 1; N is the same in every run [default: 0/1, all of it].
    #[arg(long, value_name = "I/N", requires = "list")]
    pub shard: Option<Shard>,
    /// The folder that all parts write to: rows as JSON, a manifest, and labels with --save-txt.
    #[arg(long, value_name = "FOLDER", requires = "list")]
    pub out: Option<PathBuf>,
}
