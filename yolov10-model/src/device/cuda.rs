//! Whether a CUDA device can be used, asked before anything touches it.
//!
//! cubecl panics where the driver, NVRTC or the headers are missing, and a caught panic leaves a lock poisoned that
//! the other engines need. So everything it will look for is looked for here first.
#![allow(unsafe_code, reason = "cudarc marks its probing of shared libraries, and contexts, unsafe")]

use nvml_wrapper::Nvml;

use crate::error::Error;

/// Bytes of the device in use by all processes, as NVML counts; `None` where it can't tell.
pub(crate) fn bytes_in_use(index: usize) -> Option<u64> {
    let nvml = Nvml::init().ok()?;
    Some(find(&nvml, index)?.memory_info().ok()?.used)
}

/// The GPU's model and its driver's version; its number alone where NVML can't tell.
pub(crate) fn identity(index: usize) -> String {
    let known = || {
        let nvml = Nvml::init().ok()?;
        let (model, driver) = (find(&nvml, index)?.name().ok()?, nvml.sys_driver_version().ok()?);
        Some(format!("{model} driver {driver}"))
    };
    known().unwrap_or_else(|| format!("cuda {index}"))
}

/// The device as NVML knows it.
fn find(nvml: &Nvml, index: usize) -> Option<nvml_wrapper::Device<'_>> {
    // NVML numbers the machine's GPUs, CUDA those that it may see: the UUID is the same for both.
    let device = i32::try_from(index).ok().and_then(|index| cudarc::driver::result::device::get(index).ok())?;
    let uuid = cudarc::driver::result::device::get_uuid(device).ok()?;
    let hex: String = uuid.bytes.iter().map(|byte| format!("{:02x}", byte.cast_unsigned())).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    nvml.device_by_uuid(format!("GPU-{}", parts.join("-"))).ok()
}

/// Ends the primary context of the device, and with it everything that CUDA loaded there for this process.
pub(crate) fn reset_context(index: usize) -> Result<(), Error> {
    let index = i32::try_from(index).map_err(Error::device)?;
    let failed = |error| Error::device(format!("{error:?}"));
    let device = cudarc::driver::result::device::get(index).map_err(failed)?;
    // SAFETY: the device was opened by its number; its server, the context's only user here, has ended.
    let status = unsafe { cudarc::driver::sys::cuDevicePrimaryCtxReset_v2(device) };
    status.result().map_err(failed)
}

/// Why the device `index` can't be used, if so.
pub(crate) fn check(index: usize) -> Result<(), String> {
    // SAFETY: this only tries to load the driver's shared library.
    if !unsafe { cudarc::driver::sys::is_culib_present() } {
        return Err("no NVIDIA driver (libcuda.so) on this machine".into());
    }
    let no_gpu = |error| format!("the NVIDIA driver finds no usable GPU ({error:?})");
    cudarc::driver::result::init().map_err(no_gpu)?;
    let count = cudarc::driver::result::device::get_count().map_err(no_gpu)?;
    if index >= usize::try_from(count).unwrap_or_default() {
        return Err(format!("expected a number below {count}, the GPUs of this machine, found {index}"));
    }
    // SAFETY: this only tries to load the compiler's shared library.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        return Err("no NVRTC (libnvrtc.so) of the CUDA toolkit; put its lib64 on LD_LIBRARY_PATH".into());
    }
    let headers = cubecl::cuda::install::cuda_path().map(|path| path.join("include/cuda_fp16.h"));
    match headers {
        Some(header) if header.exists() => Ok(()),
        Some(header) => Err(format!("no CUDA headers ({}); set CUDA_PATH to the toolkit", header.display())),
        None => Err("no CUDA headers; set CUDA_PATH to the toolkit".into()),
    }
}
