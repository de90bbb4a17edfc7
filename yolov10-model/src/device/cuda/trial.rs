//! Whether a CUDA device does all that cubecl will ask of it, tried before cubecl asks: where anything is refused it
//! panics, and a caught panic leaves a lock poisoned that the other engines need.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use cubecl::cuda::install;
use cudarc::driver::result::{ctx, device, init, module, primary_ctx, stream};
use cudarc::driver::sys::{self, CUcontext, CUdevice, CUdevice_attribute, CUresult};
use cudarc::driver::{DriverError, result::stream::StreamKind};
use cudarc::nvrtc::{result as nvrtc, sys as nvrtc_sys};

/// The oldest driver with every function that cubecl calls: `cuEventElapsedTime_v2` came with it.
const OLDEST_DRIVER: i32 = 12080;
/// As small as a kernel can be, with the headers of the numbers and matrix units that kernels use.
const SOURCE: &CStr = c"#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n#include <mma.h>\n\
    extern \"C\" __global__ void trial() {}\n";
/// What kernels that copy asynchronously include beside; compiled, they would take seconds.
const ASYNCHRONOUS: [&str; 3] = ["cooperative_groups.h", "cooperative_groups/memcpy_async.h", "cuda/barrier"];

/// Streams that cubecl opens for a detector: for its kernels, its reads, and what devices would tell each other.
const STREAMS: usize = 3;

/// The devices that have passed since their context was made. A context that has been tried is kept for cubecl.
static PASSED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn passed() -> MutexGuard<'static, BTreeSet<usize>> {
    // A panic in between leaves the set as it was.
    PASSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was tried of the device is gone: its context was reset.
pub(super) fn forget(index: usize) {
    passed().remove(&index);
}

/// Why the device `index` can't be used, if so.
pub(crate) fn check(index: usize) -> Result<(), String> {
    let mut passed = passed();
    if passed.contains(&index) {
        return Ok(());
    }
    let device = find(index)?;
    let include = toolkit()?;
    // In a thread of its own: a thread has one current context, and here it may be the caller's.
    let tried = thread::spawn(move || try_device(device, &include)).join();
    tried.unwrap_or_else(|_| Err("the NVIDIA driver lacks a function".into()))?;
    passed.insert(index);
    Ok(())
}

/// The device, where there are a driver and so many of them.
fn find(index: usize) -> Result<CUdevice, String> {
    // SAFETY: this only tries to load the driver's shared library.
    if !unsafe { sys::is_culib_present() } {
        return Err("no NVIDIA driver (libcuda.so) on this machine".into());
    }
    let no_gpu = |error| format!("the NVIDIA driver finds no usable GPU: {}", said(error));
    init().map_err(no_gpu)?;
    let count = device::get_count().map_err(no_gpu)?;
    if index >= usize::try_from(count).unwrap_or_default() {
        return Err(format!("expected a number below {count}, the GPUs of this machine, found {index}"));
    }
    let driver = driver_version();
    if driver < OLDEST_DRIVER {
        return Err(format!(
            "expected an NVIDIA driver for CUDA {} or newer, found one for {}",
            version(OLDEST_DRIVER),
            version(driver)
        ));
    }
    device::get(i32::try_from(index).unwrap_or(i32::MAX)).map_err(no_gpu)
}

/// Where the headers are, where they and NVRTC are.
fn toolkit() -> Result<String, String> {
    // SAFETY: this only tries to load the compiler's shared library.
    if !unsafe { nvrtc_sys::is_culib_present() } {
        return Err("no NVRTC (libnvrtc.so) of the CUDA toolkit; put its lib64 on LD_LIBRARY_PATH".into());
    }
    let Some(toolkit) = install::cuda_path() else {
        return Err("no CUDA headers; set CUDA_PATH to the toolkit".into());
    };
    let include = toolkit.join("include");
    if !include.join("cuda_fp16.h").exists() {
        return Err(format!("no CUDA headers ({}/cuda_fp16.h); set CUDA_PATH to the toolkit", include.display()));
    }
    let is_there = |name: &&str| [&include, &include.join("cccl")].iter().any(|folder| folder.join(name).exists());
    if let Some(missing) = ASYNCHRONOUS.iter().find(|name| !is_there(name)) {
        return Err(incomplete(&include, &format!("there is no {missing}")));
    }
    include.to_str().map(str::to_owned).ok_or_else(|| format!("CUDA_PATH is not UTF-8: {}", toolkit.display()))
}

fn incomplete(include: &Path, why: &str) -> String {
    format!("the CUDA headers in {} are incomplete: {why}", include.display())
}

/// Makes its context, in it streams, and runs a kernel through compiler and driver up to its launch.
fn try_device(device: CUdevice, include: &str) -> Result<(), String> {
    // SAFETY: the device is one that the driver gave.
    let context = unsafe { primary_ctx::retain(device) }.map_err(|error| refused("context", device, error))?;
    let tried = try_context(device, context, include);
    if tried.is_err() {
        // SAFETY: it was retained above, and this thread ends. That it can't be released changes nothing of the error.
        unsafe { primary_ctx::release(device) }.ok();
    }
    tried
}

fn try_context(device: CUdevice, context: CUcontext, include: &str) -> Result<(), String> {
    // SAFETY: the context is retained; what is made in it here is destroyed here.
    unsafe {
        ctx::set_current(context).map_err(|error| refused("context", device, error))?;
        try_streams().map_err(|error| refused("stream", device, error))?;
        let attribute =
            |which| device::get_attribute(device, which).map_err(|error| refused("attribute", device, error));
        let capability = 10 * attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?
            + attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let ptx = compile(capability, include)?;
        let loaded = module::load_data(ptx.as_ptr().cast()).map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => format!(
                "NVRTC {} is newer than the driver, which is for CUDA {}: it can't load what that compiles",
                compiler_version(),
                version(driver_version())
            ),
            _ => refused("kernel", device, error),
        })?;
        module::unload(loaded).map_err(|error| refused("kernel", device, error))
    }
}

/// As many streams at once as cubecl will want, in the current context; none of them stays.
fn try_streams() -> Result<(), DriverError> {
    let mut streams = Vec::with_capacity(STREAMS);
    let made = (0..STREAMS).try_for_each(|_| {
        streams.push(stream::create(StreamKind::NonBlocking)?);
        Ok(())
    });
    // SAFETY: each was made above and is destroyed once.
    let gone = streams.into_iter().try_for_each(|stream| unsafe { stream::destroy(stream) });
    made.and(gone)
}

/// The trial's kernel for a compute capability, as cubecl has its own compiled.
fn compile(capability: i32, include: &str) -> Result<Vec<c_char>, String> {
    let specific = if capability >= 90 { "a" } else { "" };
    let options = [
        format!("--gpu-architecture=sm_{capability}{specific}"),
        format!("--include-path={include}"),
        format!("--include-path={include}/cccl"),
    ];
    let failed = |error: nvrtc::NvrtcError| format!("NVRTC {} failed: {error}", compiler_version());
    let program = nvrtc::create_program(SOURCE, None).map_err(failed)?;
    // SAFETY: the program lives until it is destroyed, below.
    let compiled = unsafe {
        nvrtc::compile_program(program, &options).map_err(|error| {
            let log = nvrtc::get_program_log(program).map(|log| text(&log)).unwrap_or_default();
            why_not_compiled(error.0, &log, capability, include)
        })
    };
    // SAFETY: as above.
    let ptx = compiled.and_then(|()| unsafe { nvrtc::get_ptx(program) }.map_err(failed));
    // SAFETY: nobody has it after this.
    unsafe { nvrtc::destroy_program(program) }.map_err(failed)?;
    ptx
}

fn why_not_compiled(result: nvrtc_sys::nvrtcResult, log: &str, capability: i32, include: &str) -> String {
    let first = log.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match result {
        nvrtc_sys::nvrtcResult::NVRTC_ERROR_INVALID_OPTION => format!(
            "NVRTC {} compiles for compute capability {}, this GPU has {}",
            compiler_version(),
            capabilities(),
            decimal(capability)
        ),
        nvrtc_sys::nvrtcResult::NVRTC_ERROR_COMPILATION => incomplete(Path::new(include), first),
        _ => format!("NVRTC {} failed: {first}", compiler_version()),
    }
}

/// What the compiler compiles for, in words.
fn capabilities() -> String {
    let mut count = 0;
    // SAFETY: the compiler writes one number, then as many as it said.
    let all = unsafe {
        nvrtc_sys::nvrtcGetNumSupportedArchs(&raw mut count);
        let mut all = vec![0; usize::try_from(count).unwrap_or_default()];
        nvrtc_sys::nvrtcGetSupportedArchs(all.as_mut_ptr());
        all
    };
    match all.as_slice() {
        [] => "none that it names".into(),
        [first, .., last] => format!("{} to {}", decimal(*first), decimal(*last)),
        [only] => decimal(*only),
    }
}

/// 90 is 9.0.
fn decimal(capability: i32) -> String {
    format!("{}.{}", capability / 10, capability % 10)
}

/// 13000 is 13.0.
fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

fn driver_version() -> i32 {
    let mut version = 0;
    // SAFETY: the driver writes one number.
    unsafe { sys::cuDriverGetVersion(&raw mut version) };
    version
}

fn compiler_version() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the compiler writes two numbers.
    unsafe { nvrtc_sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    format!("{major}.{minor}")
}

/// The driver refuses something; where memory is what it lacks, with what there is.
fn refused(what: &str, device: CUdevice, error: DriverError) -> String {
    let said = said(error);
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => match super::memory_of(device) {
            Some((free, total)) => format!("no {what}: {said}; {free} of its {total} bytes are free"),
            None => format!("no {what}: {said}"),
        },
        _ => format!("no {what}: {said}"),
    }
}

/// The driver's words for an error.
pub(super) fn said(error: DriverError) -> String {
    let text = |text: Result<&CStr, DriverError>| text.map(CStr::to_string_lossy).unwrap_or_default().into_owned();
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}

/// A compiler's log, which ends with a zero.
fn text(log: &[c_char]) -> String {
    let bytes: Vec<u8> = log.iter().map(|letter| letter.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
