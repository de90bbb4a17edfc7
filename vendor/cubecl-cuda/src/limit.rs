//! The most device memory that the storages of this process may take from the driver together.
//!
//! An allocation beyond it fails as one beyond the device's memory does: what the pools hold without
//! using it is given back and the allocation tried again before anyone is told.

use std::sync::atomic::{AtomicU64, Ordering};

static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Sets the limit, in bytes. What is already taken stays, also where it is more.
pub fn set(bytes: u64) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// The bytes that are taken now.
pub fn taken() -> u64 {
    TAKEN.load(Ordering::Relaxed)
}

/// Counts `bytes` as taken, unless they are too many.
pub(crate) fn take(bytes: u64) -> bool {
    let limit = LIMIT.load(Ordering::Relaxed);
    let within = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= limit);
    TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
}

/// Counts `bytes` as the driver's again.
pub(crate) fn give_back(bytes: u64) {
    TAKEN.fetch_sub(bytes, Ordering::Relaxed);
}
