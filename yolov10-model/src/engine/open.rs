//! Opening the engine of a device: the only place that asks which engines the build has.

use std::sync::Arc;

use super::flex::FlexEngine;
#[cfg(feature = "gpu")]
use super::gpu::GpuEngine;
use super::native::NativeEngine;
use super::{Engine, unsupported};
use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::device::MemoryShare;
use crate::error::Error;
use crate::options::Options;
use crate::precision::Precision;
use crate::weights::Weights;

/// The engine of the device that `options` name.
///
/// # Errors
/// The weights are not those of a YOLOv10, or the device is unavailable or can't do what is asked of it.
pub(crate) fn open(weights: &Arc<Weights>, options: &Options) -> Result<Box<dyn Engine>, Error> {
    let Options { device, precision, .. } = *options;
    let limit = options.cpu.memory_limit;
    if limit.is_some() && !matches!(device, Device::Cpu | Device::Cuda(_)) {
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
            let share = MemoryShare::new(limit);
            let engine = GpuEngine::new(weights, &options.selection, device, precision)?;
            Ok(Box::new(engine.with_share(share)))
        }
        #[cfg(not(feature = "gpu"))]
        Device::Cuda(_) | Device::Wgpu => {
            let error = device.open().err();
            Err(error.expect("a GPU needs the feature of its engine"))
        }
    }
}
