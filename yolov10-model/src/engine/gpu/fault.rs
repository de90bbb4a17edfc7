//! What goes wrong on a device, as an error in one line. burn and cubecl panic where a device has no answer.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

use crate::device::{self, Device};
use crate::error::Error;

thread_local! {
    /// Whether this thread's panics become errors.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on a device; a panic in it is an error, and is not printed.
pub fn contain<R>(device: Device, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    say_nothing_of_contained_panics();
    let outer = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    let result = result.unwrap_or_else(|panic| Err(Error::device(words_of(panic.as_ref()))));
    result.map_err(|error| match error {
        Error::DeviceFailed { reason } => explain(device, &reason),
        other => other,
    })
}

/// cubecl's words for memory that it did not get; the bytes follow.
const NO_MEMORY: &str = "out of device memory allocating ";

/// What is wrong, where the device's words tell.
fn explain(device: Device, reason: &str) -> Error {
    let bytes = reason.split_once(NO_MEMORY).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    match bytes {
        Some(requested) => device::no_room(device, requested),
        None => Error::DeviceFailed { reason: reason.to_owned() },
    }
}

/// Once in a process: what panics elsewhere is said as before.
fn say_nothing_of_contained_panics() {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(|| {
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() && !is_a_devices_own_thread() {
                say(panic);
            }
        }));
    });
}

/// Whether cubecl runs this thread for a device: whoever waits for it is told.
fn is_a_devices_own_thread() -> bool {
    thread::current().name().is_some_and(|name| name.starts_with("DSU-") || name.starts_with("DSD-"))
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_the_midst_of_work_is_an_error_that_says_what_it_said() {
        let result: Result<(), Error> = contain(Device::Wgpu, || panic!("no answer"));
        assert_eq!(result.expect_err("it panicked").to_string(), "the device failed: no answer");
        assert!(!CONTAINED.get());
    }

    #[test]
    fn memory_that_was_not_got_is_named_in_bytes() {
        let reason = "out of device memory allocating 2097152 bytes";
        let error = explain(Device::Wgpu, reason);
        assert!(matches!(error, Error::DeviceOutOfMemory { requested: 2_097_152, .. }), "{error}");
    }
}
