//! `yolo10-burn`: YOLOv10 detection on the command line.
//!
//! `main` maps what happened to exit codes. Results go to stdout, everything else to stderr.

mod args;
mod bench;
mod convert;
mod demo;
mod doctor;
mod engine_args;
mod head_args;
mod info;
mod interrupt;
mod manual;
mod memory;
mod message;
mod model;
mod outcome;
mod output;
mod release;
mod run;
mod tune;
mod val;
mod version;
mod words;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command};
use crate::outcome::Outcome;

fn main() -> ExitCode {
    let words = match words::expand(std::env::args_os(), &Cli::command()) {
        Ok(words) => words,
        Err(error) => return failed(&error),
    };
    let matches = Cli::command().get_matches_from(words);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match dispatch(cli.command) {
        Ok(outcome) => outcome.into(),
        // Who reads the results has had enough of them, `head` for one.
        Err(error) if is_closed_pipe(&error) => Outcome::Done.into(),
        Err(error) => failed(&error),
    }
}

fn dispatch(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Convert(args) => convert::convert(&args),
        Command::Info(args) => info::info(&args),
        Command::Val(args) => val::val(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Memory(args) => memory::memory(&args),
        Command::Tune(args) => tune::tune(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    message::error(format_args!("{error:#}"));
    Outcome::Failed.into()
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}
