//! The memory budget that models, request bodies and decoded pictures share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of bytes to share.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Option<u64>,
    held: Mutex<u64>,
}

/// A part of a budget. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

/// The budget has too little left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("memory budget: {needed} bytes needed, {free} of {limit} free")]
pub(crate) struct Full {
    pub(crate) needed: u64,
    pub(crate) free: u64,
    pub(crate) limit: u64,
}

impl Budget {
    /// Makes a budget; `None` counts without a limit.
    pub(crate) fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::new(0) })
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    pub(crate) fn held(&self) -> u64 {
        *self.lock()
    }

    pub(crate) fn claim(self: &Arc<Self>, bytes: u64) -> Result<Share, Full> {
        let mut share = self.nothing();
        share.resize(bytes)?;
        Ok(share)
    }

    /// An empty share.
    pub(crate) fn nothing(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Grows or shrinks to `bytes`, or fails and stays as it is.
    pub(crate) fn resize(&mut self, bytes: u64) -> Result<(), Full> {
        let mut held = self.budget.lock();
        let others = *held - self.bytes;
        if let Some(limit) = self.budget.limit
            && bytes > self.bytes
            && others + bytes > limit
        {
            return Err(Full { needed: bytes - self.bytes, free: limit.saturating_sub(*held), limit });
        }
        *held = others + bytes;
        self.bytes = bytes;
        Ok(())
    }

    /// Records that `bytes` are held, even if that exceeds the limit.
    pub(crate) fn record(&mut self, bytes: u64) {
        let mut held = self.budget.lock();
        *held = *held - self.bytes + bytes;
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.budget.lock() -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_limit_and_come_back_when_dropped() {
        let budget = Budget::new(Some(100));
        let mut first = budget.claim(60).expect("there are 100");
        assert_eq!(budget.claim(41).expect_err("there are 40"), Full { needed: 41, free: 40, limit: 100 });
        let second = budget.claim(40).expect("there are 40");
        assert_eq!(first.resize(61), Err(Full { needed: 1, free: 0, limit: 100 }));
        assert_eq!((first.bytes(), budget.held()), (60, 100));
        drop(second);
        first.resize(100).expect("there are 40 more");
        drop(first);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_is_held_anyway_is_counted_and_shrinking_is_never_refused() {
        let budget = Budget::new(Some(10));
        let mut share = budget.nothing();
        share.record(25);
        assert_eq!(budget.held(), 25);
        share.resize(20).expect("it is less than before");
        assert_eq!(budget.claim(1).expect_err("it is full"), Full { needed: 1, free: 0, limit: 10 });
    }
}
