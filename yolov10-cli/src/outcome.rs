//! How a command ends, and its exit code.

use std::process::ExitCode;

/// How a command ended, if it did not fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// No object was found in any picture, and `--fail-empty` was given.
    NothingFound,
    /// A promise of the memory contract was broken.
    NotKept,
    /// Some or all of it failed; the failures have been reported.
    Failed,
    /// A signal asked to end: what was in progress is done, the rest is not.
    Interrupted {
        /// Its number.
        signal: i32,
    },
}

/// The exit codes, for help and manual.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    nothing found in any picture, with --fail-empty; memory: a promise is broken
  2    error: bad usage, or some or all pictures failed
  130  interrupted by Ctrl-C; what was in flight is written (128 + n for a signal n)";

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::NothingFound | Outcome::NotKept => 1,
            Outcome::Failed => 2,
            // The convention of shells.
            Outcome::Interrupted { signal } => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        })
    }
}
