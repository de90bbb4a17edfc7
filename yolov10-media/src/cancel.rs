//! A word from outside that ends every wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends what waits for pictures, from another thread or a signal's handler. Its copies are one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Nothing is cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every wait within a tenth of a second or so, and all that would follow.
    ///
    /// Whether it was cancelled before.
    pub fn cancel(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
