//! Shell completions and manual pages, generated from the description of the options.

mod pages;

use std::path::PathBuf;

use anyhow::Result;
use clap::Command;
use clap_complete::Shell;

use crate::message;
use crate::outcome::Outcome;

/// The program's name, under which shells find completions.
const NAME: &str = "yolo10-burn";

/// Print completions for a shell: yolo10-burn completions bash > /etc/bash_completion.d/yolo10-burn
#[derive(clap::Args, Debug)]
pub struct CompletionsArgs {
    shell: Shell,
}

/// Write manual pages, one per command.
#[derive(clap::Args, Debug)]
pub struct ManArgs {
    /// The folder to write to, for instance /usr/local/share/man/man1.
    folder: PathBuf,
}

/// Prints the completions of `program`.
pub fn completions(args: &CompletionsArgs, mut program: Command) -> Result<Outcome> {
    // Into memory first: the generator panics if it can't write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, NAME, &mut script);
    let mut script = String::from_utf8(script)?;
    if args.shell == Shell::Bash {
        // One half of the generated script takes the dash in the program's name for the start of a subcommand,
        // the other does not, so nothing is completed after a subcommand: clap-rs/clap#6386.
        script = script.replace("yolo10__subcmd__burn", "yolo10__burn");
    }
    message::text(script.trim_end())?;
    Ok(Outcome::Done)
}

/// Writes the manual pages of `program`.
pub fn man(args: &ManArgs, program: Command) -> Result<Outcome> {
    pages::write(&args.folder, program)?;
    message::result(format_args!("Manual pages saved to {}", args.folder.display()))?;
    Ok(Outcome::Done)
}
