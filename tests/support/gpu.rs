//! The one GPU that tests share.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use yolov10_model::Device;

/// The GPU that tests run on: wgpu, which runs without one, too, or what `GPU_DEVICE` names.
pub fn device() -> Device {
    std::env::var("GPU_DEVICE").map_or(Device::Wgpu, |name| name.parse().unwrap())
}

/// The device for one test at a time. `None` without a driver, which is a failure where CI promised one.
#[expect(clippy::explicit_write, reason = "the harness swallows eprintln in a test that passes")]
pub fn alone(device: Device) -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Compiled once for all tests and their next run; on another machine than the tests' own, where the program does.
    let kernels = Some(Path::new(env!("CARGO_TARGET_TMPDIR"))).filter(|folder| folder.is_dir());
    match device.keep_kernels(kernels) {
        Ok(_) => Some(alone),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            // Past the test's capture: a skip is to be seen.
            writeln!(std::io::stderr(), "SKIPPED, nothing was tested: {error}").unwrap();
            None
        }
    }
}
