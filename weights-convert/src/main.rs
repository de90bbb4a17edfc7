//! `weights-convert WEIGHTS`: a checkpoint in, a converted file out. Exit code 0 when done, 2 on error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Parser;
use weights_convert::command::Arguments;

/// Converts a YOLOv10 checkpoint to the safetensors file that yolo10-burn loads.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    // Only yolo10-burn knows names that stand for files.
    let found = None;
    let done = Program::parse().arguments.run(found).and_then(|line| print_line(&line));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Writes the report to stdout; a reader that has gone away is not an error.
fn print_line(line: &str) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}
