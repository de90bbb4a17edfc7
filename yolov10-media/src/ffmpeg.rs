//! The installed ffmpeg, looked for when it is needed.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use crate::error::Error;

/// What to do if it is missing.
pub const ADVICE: &str = crate::error::FFMPEG_ADVICE;

/// A command that Ctrl-C does not reach, so that its output can be completed, and that does not outlive the thread which
/// starts it: start it on a thread that lives as long as the command is needed.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, CREATE_NEW_PROCESS_GROUP);
    #[cfg(target_os = "linux")]
    die_with_parent(&mut command);
    command
}

/// The system's flag of that name: Ctrl-C in a console does not reach other groups.
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// Whatever ends this process, even SIGKILL, ends the command too: a silent camera would otherwise keep ffmpeg waiting for
/// ever, because only a write tells it that nobody reads any more.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no safe way to ask the kernel for this")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id();
    let ask = move || {
        // SAFETY: prctl with PR_SET_PDEATHSIG takes a number and touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // The parent may have ended since the fork.
        if std::os::unix::process::parent_id() != parent {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls; it takes no locks and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// The error when it could not be started.
pub fn missing(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoFfmpeg,
        _ => error.into(),
    }
}
