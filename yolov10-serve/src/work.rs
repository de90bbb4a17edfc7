//! Counts the requests that a model is working on; an unload waits for them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Work in progress.
#[derive(Default)]
pub(crate) struct Work {
    inner: Mutex<Going>,
    done: Condvar,
}

struct Going {
    count: usize,
    last: Instant,
}

impl Default for Going {
    fn default() -> Self {
        Self { count: 0, last: Instant::now() }
    }
}

impl Work {
    pub(crate) fn begin(&self) {
        self.lock().count += 1;
    }

    pub(crate) fn end(&self) {
        let mut going = self.lock();
        going.count -= 1;
        going.last = Instant::now();
        if going.count == 0 {
            self.done.notify_all();
        }
    }

    /// The number of requests in progress.
    pub(crate) fn count(&self) -> usize {
        self.lock().count
    }

    /// When the last work ended, if the model is idle.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let going = self.lock();
        (going.count == 0).then_some(going.last)
    }

    pub(crate) fn wait(&self, patience: Duration) {
        let waited = self.done.wait_timeout_while(self.lock(), patience, |going| going.count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, Going> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
