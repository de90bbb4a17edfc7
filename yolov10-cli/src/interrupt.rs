//! Ctrl-C: the first one asks to finish what is in flight, the second one ends the program.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::message;

/// 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Whether Ctrl-C was pressed.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches Ctrl-C from now on.
    pub fn catch() -> Result<Self> {
        let pressed = Arc::new(AtomicBool::new(false));
        let interrupt = Self(Arc::clone(&pressed));
        ctrlc::set_handler(move || {
            if pressed.swap(true, Ordering::Relaxed) {
                process::exit(INTERRUPTED);
            }
            message::note("finishing what is in flight; Ctrl-C again to stop at once");
        })
        .context("Ctrl-C can't be caught")?;
        Ok(interrupt)
    }

    /// Whether it was pressed.
    pub fn is_pressed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
