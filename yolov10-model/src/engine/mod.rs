//! The engines: how the network runs. None knows what YOLOv10 looks like; all give the best anchors of a picture.

mod byte_counts;
mod flex;
#[cfg(feature = "gpu")]
mod gpu;
mod home;
mod native;
mod open;
mod tensors;

use image::RgbImage;

use crate::anchors::Anchors;
use crate::device::Device;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::MemoryReport;
use crate::precision::Precision;
use crate::selection::Selection;
use crate::speed::Stopwatch;

use byte_counts::ByteCounts;
#[cfg(feature = "gpu")]
pub use gpu::{ChannelsLast, GpuEngine};
pub use native::NativeEngine;
pub(crate) use open::open;
pub use tensors::TensorEngine;

/// A network with its weights on one device, and all that it needs to run there. Its drop gives everything back.
pub(crate) trait Engine: Send {
    /// The anchors of each picture that `selection` ranks best; the pictures' letterboxes have one input size.
    ///
    /// # Errors
    /// The device fails.
    fn run(
        &mut self,
        pictures: &[(&RgbImage, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error>;

    /// Whether it is given several pictures at a time.
    fn takes_batches(&self) -> bool {
        false
    }

    /// See [`Detector::graphs_refused`](crate::Detector::graphs_refused).
    fn graphs_refused(&self) -> bool {
        false
    }

    /// Sets the bytes that weights and workspace may take from now on, if it can keep a limit.
    fn limit_memory(&mut self, _bytes: usize) {}

    /// What it holds now; the resident set is left to the caller.
    fn memory(&self) -> MemoryReport;

    /// The counts of its bytes on the device, which outlive it.
    fn byte_counts(&self) -> ByteCounts;

    /// Gives everything but the weights back.
    ///
    /// # Errors
    /// The device fails.
    fn trim(&mut self) -> Result<(), Error>;
}

fn unsupported(device: Device, found: Precision, expected: &str) -> Error {
    Error::PrecisionUnsupported { device: device.to_string(), found: found.to_string(), expected: expected.to_owned() }
}
