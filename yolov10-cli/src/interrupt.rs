//! Ctrl-C: the first one asks to finish what is in flight, the second one ends the program.

use std::process;

use anyhow::{Context, Result};
use yolov10_media::Cancel;

use crate::message;

/// 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Whether Ctrl-C was pressed.
#[derive(Clone)]
pub struct Interrupt(Cancel);

impl Interrupt {
    /// Catches Ctrl-C from now on.
    pub fn catch() -> Result<Self> {
        let pressed = Cancel::new();
        let interrupt = Self(pressed.clone());
        ctrlc::set_handler(move || {
            if pressed.cancel() {
                process::exit(INTERRUPTED);
            }
            message::note("finishing what is in flight; Ctrl-C again to stop at once");
        })
        .context("Ctrl-C can't be caught")?;
        Ok(interrupt)
    }

    /// Whether it was pressed.
    pub fn is_pressed(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends what waits for pictures.
    pub fn cancel(&self) -> Cancel {
        self.0.clone()
    }
}
