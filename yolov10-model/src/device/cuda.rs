//! What cubecl does not do with CUDA devices: find out whether they can be used, what they are, and what they hold.
#![allow(unsafe_code, reason = "cudarc marks its probing of shared libraries, and contexts, unsafe")]

mod trial;

use cudarc::driver::result::device;
use cudarc::driver::sys::{CUdevice, cuDevicePrimaryCtxReset_v2};
use nvml_wrapper::Nvml;

pub(crate) use self::trial::check;
use crate::error::Error;

/// Bytes of the device in use by all processes, as NVML counts; `None` where it can't tell.
pub(crate) fn bytes_in_use(index: usize) -> Option<u64> {
    let nvml = Nvml::init().ok()?;
    let device = device::get(i32::try_from(index).ok()?).ok()?;
    Some(find(&nvml, device)?.memory_info().ok()?.used)
}

/// Bytes of the device that are free; `None` where NVML can't tell.
pub(crate) fn bytes_free(index: usize) -> Option<u64> {
    memory_of(device::get(i32::try_from(index).ok()?).ok()?).map(|(free, _)| free)
}

/// Bytes of the device that are free, and all it has, as NVML counts.
fn memory_of(device: CUdevice) -> Option<(u64, u64)> {
    let nvml = Nvml::init().ok()?;
    let memory = find(&nvml, device)?.memory_info().ok()?;
    Some((memory.free, memory.total))
}

/// The GPU's model and its driver's version; its number alone where NVML can't tell.
pub(crate) fn identity(index: usize) -> String {
    let known = || {
        let nvml = Nvml::init().ok()?;
        let device = device::get(i32::try_from(index).ok()?).ok()?;
        let (model, driver) = (find(&nvml, device)?.name().ok()?, nvml.sys_driver_version().ok()?);
        Some(format!("{model} driver {driver}"))
    };
    known().unwrap_or_else(|| format!("cuda {index}"))
}

/// The device as NVML knows it.
fn find(nvml: &Nvml, device: CUdevice) -> Option<nvml_wrapper::Device<'_>> {
    // NVML numbers the machine's GPUs, CUDA those that it may see: the UUID is the same for both.
    let uuid = device::get_uuid(device).ok()?;
    let hex: String = uuid.bytes.iter().map(|byte| format!("{:02x}", byte.cast_unsigned())).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    nvml.device_by_uuid(format!("GPU-{}", parts.join("-"))).ok()
}

/// Ends the primary context of the device, and with it everything that CUDA loaded there for this process.
pub(crate) fn reset_context(index: usize) -> Result<(), Error> {
    let failed = |error| Error::device(trial::said(error));
    let device = device::get(i32::try_from(index).map_err(Error::device)?).map_err(failed)?;
    trial::forget(index);
    // SAFETY: the device was opened by its number; its server, the context's only user here, has ended.
    unsafe { cuDevicePrimaryCtxReset_v2(device) }.result().map_err(failed)
}
