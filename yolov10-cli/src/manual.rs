//! Shell completions and manual pages, made from the same description as the options.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

use crate::message;
use crate::outcome::Outcome;

/// The program's name, by which shells find completions.
const NAME: &str = "yolo10-burn";

/// Print completions for a shell: yolo10-burn completions bash > /etc/bash_completion.d/yolo10-burn
#[derive(clap::Args, Debug)]
pub struct CompletionsArgs {
    shell: Shell,
}

/// Write manual pages, one per command.
#[derive(clap::Args, Debug)]
pub struct ManArgs {
    /// The folder to write to, /usr/local/share/man/man1 for instance.
    folder: PathBuf,
}

/// Prints completions of `program`.
pub fn completions(args: &CompletionsArgs, mut program: Command) -> Result<Outcome> {
    // Into memory first: the generator panics when it can't write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, NAME, &mut script);
    message::text(String::from_utf8(script)?.trim_end())?;
    Ok(Outcome::Done)
}

/// Writes the pages of `program`.
pub fn man(args: &ManArgs, program: Command) -> Result<Outcome> {
    fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(program, &args.folder))
        .with_context(|| args.folder.display().to_string())?;
    message::result(format_args!("Manual pages saved to {}", args.folder.display()))?;
    Ok(Outcome::Done)
}
