//! The engines: how the network runs. None knows what YOLOv10 looks like; all give the best anchors of a picture.

mod byte_counts;
mod flex;
#[cfg(feature = "gpu")]
mod gpu;
mod home;
mod native;
mod tensors;

use std::sync::Arc;

use image::RgbImage;

use crate::anchors::Anchors;
use crate::device::Device;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::MemoryReport;
use crate::options::Options;
use crate::precision::Precision;
use crate::selection::Selection;
use crate::speed::Stopwatch;
use crate::weights::Weights;

use byte_counts::ByteCounts;
use flex::FlexEngine;
#[cfg(feature = "gpu")]
pub use gpu::{ChannelsLast, GpuEngine};
pub use native::NativeEngine;
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

/// The engine of the device that `options` name.
///
/// # Errors
/// The weights are not a YOLOv10's, the device is not to be had or can't do what is asked of it.
pub(crate) fn open(weights: &Arc<Weights>, options: &Options) -> Result<Box<dyn Engine>, Error> {
    let Options { device, precision, .. } = *options;
    if device != Device::Cpu && options.cpu.memory_limit.is_some() {
        return Err(Error::LimitUnsupported { device: device.to_string() });
    }
    let assignment = options.selection.assignment;
    match device {
        Device::Cpu => {
            let precision = precision.unwrap_or(Precision::F32);
            Ok(Box::new(NativeEngine::new(weights, assignment, &options.cpu, precision)?))
        }
        Device::Flex => match precision {
            None | Some(Precision::F32) => Ok(Box::new(FlexEngine::new(weights, assignment, device.open()?)?)),
            Some(found) => Err(unsupported(device, found, "f32")),
        },
        #[cfg(feature = "gpu")]
        Device::Cuda(_) | Device::Wgpu => {
            let precision = precision.unwrap_or(Precision::Tf32);
            Ok(Box::new(GpuEngine::new(weights, &options.selection, device, precision)?))
        }
        #[cfg(not(feature = "gpu"))]
        Device::Cuda(_) | Device::Wgpu => {
            let error = device.open().err();
            Err(error.expect("a GPU needs the feature of its engine"))
        }
    }
}

fn unsupported(device: Device, found: Precision, expected: &str) -> Error {
    Error::PrecisionUnsupported { device: device.to_string(), found: found.to_string(), expected: expected.to_owned() }
}
