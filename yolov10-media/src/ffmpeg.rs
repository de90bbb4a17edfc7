//! The ffmpeg that is installed on this machine, found when it is needed.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use crate::error::Error;

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
pub fn missing(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoFfmpeg,
        _ => error.into(),
    }
}

/// The line that says what went wrong.
pub(crate) fn last_line(said: &str) -> &str {
    said.trim().lines().last().unwrap_or("ffmpeg does not say why")
}
