//! How much device memory detectors on CUDA may take from the driver together: the sum of their limits, as long as every
//! one of them has a limit. cubecl's pools belong to the process, so no detector can be held to its own limit alone.

use std::sync::{Mutex, PoisonError};

use super::Device;
use crate::error::Error;

/// What one detector may take; in force while this value lives.
pub(crate) struct MemoryShare {
    limit: Option<u64>,
}

/// The shares that are in force.
struct Shares {
    /// Bytes of those with a limit.
    limits: u64,
    limited: usize,
    unlimited: usize,
}

static SHARES: Mutex<Shares> = Mutex::new(Shares { limits: 0, limited: 0, unlimited: 0 });

impl Shares {
    #[cfg(feature = "cuda")]
    fn limit(&self) -> Option<u64> {
        (self.unlimited == 0 && self.limited > 0).then_some(self.limits)
    }

    /// Changes them, and with them the limit that is in force.
    fn change(change: impl FnOnce(&mut Self)) {
        // A thread that panicked had changed either nothing or everything.
        let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut shares);
        #[cfg(feature = "cuda")]
        cubecl::cuda::limit::set(shares.limit().unwrap_or(u64::MAX));
    }
}

impl MemoryShare {
    pub fn new(limit: Option<usize>) -> Self {
        let limit = limit.map(|bytes| bytes as u64);
        Shares::change(|shares| match limit {
            Some(bytes) => (shares.limits, shares.limited) = (shares.limits.saturating_add(bytes), shares.limited + 1),
            None => shares.unlimited += 1,
        });
        Self { limit }
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        Shares::change(|shares| match self.limit {
            Some(bytes) => (shares.limits, shares.limited) = (shares.limits.saturating_sub(bytes), shares.limited - 1),
            None => shares.unlimited -= 1,
        });
    }
}

/// The error when `requested` more bytes could not be allocated, because of the limit or of the device.
pub(crate) fn no_room(device: Device, requested: u64) -> Error {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(index) = device {
        let limit = SHARES.lock().unwrap_or_else(PoisonError::into_inner).limit();
        let needed = cubecl::cuda::limit::taken().saturating_add(requested);
        if let Some(limit) = limit.filter(|limit| needed > *limit) {
            let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
            return yolov10_cpu::Error::MemoryLimit { requested: size(needed), limit: size(limit) }.into();
        }
        let available = super::cuda::bytes_free(index);
        return Error::DeviceOutOfMemory { device: device.to_string(), requested, available };
    }
    Error::DeviceOutOfMemory { device: device.to_string(), requested, available: None }
}
