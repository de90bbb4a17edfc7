//! Whether a CUDA device can be used, asked before anything touches it.
//!
//! cubecl panics where the driver, NVRTC or the headers are missing, and a caught panic leaves a lock poisoned that
//! the other engines need. So everything it will look for is looked for here first.
#![allow(unsafe_code, reason = "cudarc marks its probing of shared libraries unsafe")]

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
