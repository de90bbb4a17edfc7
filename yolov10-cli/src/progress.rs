//! A progress bar on stderr for long work, if somebody is watching.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter work shows no bar.
const SHORT: Duration = Duration::from_secs(1);

/// The bar, once there is one.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    is_wanted: bool,
}

impl Progress {
    /// Progress over this many sources, shown only on a terminal.
    pub fn new(sources: usize) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_length(sources as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left");
        bar.set_style(style.expect("the template is well formed"));
        Self { bar, started: Instant::now(), is_wanted: io::stderr().is_terminal() }
    }

    /// Progress that nobody gets to see.
    pub fn hidden() -> Self {
        Self { is_wanted: false, ..Self::new(0) }
    }

    /// Everything up to source number `index` is finished.
    pub fn reached(&self, index: usize) {
        if self.bar.is_hidden() && self.is_wanted && self.started.elapsed() > SHORT {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.set_position(index as u64);
    }

    /// Writes lines with the bar out of the way.
    pub fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
