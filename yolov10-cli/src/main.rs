//! `yolo10-burn`: YOLOv10 detection on the command line.
//!
//! `main` maps outcomes to exit codes. Results go to stdout, everything else to stderr.

mod arguments;
mod bench;
mod budget_args;
mod commands;
mod control_group;
mod convert;
mod demo;
mod digest;
mod doctor;
mod engine_args;
mod folder_args;
mod general;
mod head_args;
mod info;
mod interrupt;
mod known_values;
mod manual;
mod memory;
mod message;
mod outcome;
mod output;
mod pipeline;
mod progress;
mod release;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod setup;
mod shards;
mod tune;
mod usage;
mod val;
mod version;
mod weights;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use crate::commands::{Cli, Command};
use crate::outcome::Outcome;

fn main() -> ExitCode {
    let arguments = match arguments::expand(std::env::args_os(), &Cli::command()) {
        Ok(arguments) => arguments,
        Err(error) => return failed(&error),
    };
    let matches = Cli::command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        // clap returns help and version as errors.
        Err(answer) if answer.kind() == ErrorKind::DisplayHelp || answer.kind() == ErrorKind::DisplayVersion => {
            answer.exit()
        }
        Err(error) => {
            message::error(usage::line(&error));
            return Outcome::Failed.into();
        }
    };
    match dispatch(cli.command) {
        Ok(outcome) => outcome.into(),
        // The reader of the results closed the pipe, as `head` does.
        Err(error) if message::is_closed_pipe(&error) => Outcome::Done.into(),
        Err(error) => failed(&error),
    }
}

fn dispatch(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::serve(&args),
        #[cfg(not(feature = "serve"))]
        Command::Serve { .. } => anyhow::bail!("this program was built without its server, the feature `serve`"),
        Command::Merge(args) => shards::merge(&args),
        Command::Convert(args) => convert::convert(&args),
        Command::Info(args) => info::info(&args),
        Command::Val(args) => val::val(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Memory(args) => memory::memory(&args),
        Command::Tune(args) => tune::tune(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    message::error(format_args!("{error:#}"));
    Outcome::Failed.into()
}
