//! Signals that ask the program to end: at the first one it finishes what is in progress, the second one kills it.
//!
//! A signal that was ignored when the program started, as under `nohup`, stays ignored.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use yolov10_media::Cancel;

use crate::message;
use crate::output::{RunFolder, remove_empty};

/// No signal has this number.
const NONE: i32 = 0;

/// Knows whether the program was asked to end.
#[derive(Clone)]
pub struct Interrupt(Arc<State>);

struct State {
    /// The first signal received, or [`NONE`].
    signal: AtomicI32,
    /// Stops waiting for pictures.
    cancel: Cancel,
    /// What a second signal removes before it ends the program.
    unfinished: Mutex<Unfinished>,
}

#[derive(Default)]
struct Unfinished {
    /// A folder of unfinished files.
    scratch: Option<PathBuf>,
    /// Folders that are removed if they are empty, the innermost first.
    folders: Vec<PathBuf>,
}

impl Interrupt {
    /// Catches signals that ask to end from now on.
    pub fn catch() -> Result<Self> {
        let interrupt = Self::new();
        let handler = interrupt.clone();
        watch(move |signal| handler.receive(signal)).context("signals can't be caught")?;
        Ok(interrupt)
    }

    /// Ignores signals that ask to end: a terminal sends them to its whole process group, and the parent decides when
    /// this process ends.
    pub fn leave_to_parent() -> Result<()> {
        watch(|_| ()).context("signals can't be caught")
    }

    fn new() -> Self {
        Self(Arc::new(State { signal: AtomicI32::new(NONE), cancel: Cancel::new(), unfinished: Mutex::default() }))
    }

    fn receive(&self, signal: i32) {
        let State { signal: first, cancel, unfinished } = &*self.0;
        cancel.cancel();
        match first.compare_exchange(NONE, signal, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) if asks_once(signal) => (),
            Ok(_) => message::note("finishing what is in flight; Ctrl-C again to stop at once"),
            Err(_) if asks_once(signal) => (),
            Err(first) => {
                let unfinished = unfinished.lock().unwrap_or_else(PoisonError::into_inner);
                // Destructors do not run from here on.
                unfinished.scratch.as_deref().map(fs::remove_dir_all).transpose().ok();
                remove_empty(&unfinished.folders);
                process::exit(128 + first);
            }
        }
    }

    /// Makes a second signal remove what is unfinished in this folder.
    pub fn guard(&self, folder: &RunFolder) {
        let unfinished = Unfinished { scratch: Some(folder.scratch().to_owned()), folders: folder.made().to_vec() };
        *self.0.unfinished.lock().unwrap_or_else(PoisonError::into_inner) = unfinished;
    }

    /// The first signal received, if any.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Relaxed)).filter(|signal| *signal != NONE)
    }

    /// Whether a signal was received.
    pub fn is_pressed(&self) -> bool {
        self.signal().is_some()
    }

    /// Cancelled at the first signal; give it to everything that waits for pictures.
    pub fn cancel(&self) -> Cancel {
        self.0.cancel.clone()
    }
}

/// Whether repeats of a signal mean nothing: the limit on file sizes sends one at every write.
fn asks_once(signal: i32) -> bool {
    cfg!(unix) && signal == SIGXFSZ
}

#[cfg(unix)]
use signal_hook::consts::SIGXFSZ;

#[cfg(not(unix))]
const SIGXFSZ: i32 = NONE;

/// Calls `receive` on its own thread with every signal that asks to end.
#[cfg(unix)]
fn watch(receive: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored_signals();
    let asking = [SIGINT, SIGTERM, SIGHUP, SIGXFSZ].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = signal_hook::iterator::Signals::new(asking)?;
    std::thread::Builder::new().spawn(move || signals.forever().for_each(receive))?;
    Ok(())
}

/// The ignored signals, one bit each from the lowest; none if the system does not say.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Calls `receive` on its own thread when Ctrl-C is pressed.
#[cfg(not(unix))]
fn watch(receive: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    const SIGINT: i32 = 2;
    ctrlc::set_handler(move || receive(SIGINT)).map_err(io::Error::other)
}
