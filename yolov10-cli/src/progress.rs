//! A progress bar for long work, if stderr is a terminal.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The bar appears after this time.
const SHORT: Duration = Duration::from_secs(1);

/// A progress bar that appears when the work takes long.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    is_wanted: bool,
}

impl Progress {
    /// Progress over this many sources; shown only on a terminal.
    pub fn new(sources: usize) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_length(sources as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left");
        bar.set_style(style.expect("the template is well formed"));
        Self { bar, started: Instant::now(), is_wanted: io::stderr().is_terminal() }
    }

    /// Progress that is never shown.
    pub fn hidden() -> Self {
        Self { is_wanted: false, ..Self::new(0) }
    }

    /// Everything before number `index` is done.
    pub fn reached(&self, index: usize) {
        if self.bar.is_hidden() && self.is_wanted && self.started.elapsed() > SHORT {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.set_position(index as u64);
    }

    /// Hides the bar while `write` prints.
    pub fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
