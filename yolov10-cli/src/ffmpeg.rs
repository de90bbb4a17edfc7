//! The ffmpeg that is installed on this machine, found when it is needed.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use anyhow::anyhow;

/// What is said where it is missing.
pub const ADVICE: &str = "apt install ffmpeg, or https://ffmpeg.org";

/// A command that Ctrl-C does not reach: what it decodes or writes is ended in order.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Why it could not be started.
pub fn missing(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow!("videos and cameras need ffmpeg, which is not installed: {ADVICE}")
        }
        _ => anyhow!(error).context("ffmpeg"),
    }
}

/// The line that says what went wrong.
pub fn last_line(said: &str) -> &str {
    said.trim()
        .lines()
        .last()
        .unwrap_or("ffmpeg does not say why")
}
