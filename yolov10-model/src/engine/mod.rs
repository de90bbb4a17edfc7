//! The engines: how the network runs. None knows what YOLOv10 looks like; each returns the best anchors of a picture.

mod flex;
#[cfg(feature = "gpu")]
mod gpu;
mod home;
mod native;
mod open;
mod tensors;

use crate::anchors::Anchors;
use crate::device::Device;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::{Bytes, MemoryReport};
use crate::pixels::Pixels;
use crate::precision::Precision;
use crate::selection::Selection;
use crate::speed::Stopwatch;

#[cfg(feature = "gpu")]
pub use gpu::{ChannelsLast, GpuEngine};
pub use native::NativeEngine;
pub(crate) use open::open;
pub use tensors::TensorEngine;

/// A network with its weights on one device, and all that it needs to run there. Dropping it gives everything back;
/// weights that engines share go back with the last of them.
pub(crate) trait Engine: Send {
    /// For each picture the anchors that `selection` ranks best; all letterboxes have the same input size.
    ///
    /// # Errors
    /// The device fails.
    fn run(
        &mut self,
        pictures: &[(Pixels<'_>, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error>;

    /// Whether it wants several pictures at a time.
    fn takes_batches(&self) -> bool {
        false
    }

    /// See [`Detector::graphs_refused`](crate::Detector::graphs_refused).
    fn graphs_refused(&self) -> bool {
        false
    }

    /// Sets how many bytes weights and workspace may take from now on, if it can enforce a limit.
    fn limit_memory(&mut self, _bytes: usize) {}

    /// What it holds now; the resident set is left to the caller.
    fn memory(&self) -> MemoryReport;

    /// Gives everything but the weights back; returns what remained of the workspace but should not have.
    ///
    /// # Errors
    /// The device fails.
    fn trim(&mut self) -> Result<Bytes, Error>;

    /// Another engine over the same weights.
    ///
    /// # Errors
    /// The system can't start a thread.
    fn share(&self) -> Result<Box<dyn Engine>, Error>;

    /// How many engines use its weights, itself included.
    fn sharers(&self) -> usize;

    /// Drops it.
    fn close(self: Box<Self>) -> Remains;
}

/// What is on the device when an engine is gone.
pub(crate) struct Remains {
    /// What is held: weights, if another engine uses them.
    pub held: MemoryReport,
    /// The part of it that should have been given back.
    pub residue: Bytes,
}

fn unsupported(device: Device, found: Precision, expected: &str) -> Error {
    Error::PrecisionUnsupported { device: device.to_string(), found: found.to_string(), expected: expected.to_owned() }
}
