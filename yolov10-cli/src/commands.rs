//! The command line: its commands.

use clap::{Parser, Subcommand};

use crate::outcome::EXIT_CODES;
#[cfg(feature = "serve")]
use crate::serve;
use crate::{bench, convert, doctor, info, manual, memory, run, shards, tune, val, version};

/// YOLOv10 object detection in one native program: the original .pt and a picture in, boxes out.
#[derive(Parser)]
// If an option is repeated, the last one wins; options that take several values add up.
#[command(name = "yolo10-burn", version, long_version = version::long(), after_help = EXIT_CODES)]
#[command(args_override_self = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    #[command(visible_alias = "predict", after_help = EXIT_CODES)]
    Run(Box<run::Args>),
    Merge(shards::MergeArgs),
    #[cfg(feature = "serve")]
    #[command(after_help = EXIT_CODES)]
    Serve(Box<serve::Args>),
    /// Known, so that it can be said why it does not work.
    #[cfg(not(feature = "serve"))]
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _words: Vec<std::ffi::OsString>,
    },
    Convert(convert::Args),
    Info(info::Args),
    #[command(after_help = EXIT_CODES)]
    Val(Box<val::Args>),
    Bench(bench::Args),
    #[command(after_help = EXIT_CODES)]
    Memory(memory::Args),
    Tune(Box<tune::Args>),
    Doctor(doctor::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}
