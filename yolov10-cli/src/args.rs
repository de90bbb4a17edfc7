//! The command line: its commands, and the options that several of them share.

use clap::{Parser, Subcommand};

use crate::outcome::EXIT_CODES;
use crate::{convert, info, run};

/// YOLOv10 object detection: one native program, from the original .pt and a picture to boxes.
#[derive(Parser)]
#[command(name = "yolo10-burn", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    #[command(visible_alias = "predict", after_help = EXIT_CODES)]
    Run(Box<run::Args>),
    Convert(convert::Args),
    Info(info::Args),
}
