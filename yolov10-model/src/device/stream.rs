//! One cubecl stream identity: its pools are one network's bytes.
//!
//! Frees are exact only when they are issued in the stream that allocated, which is why a [`DeviceStream`] is
//! entered for every piece of work, from load to drop, on whatever thread.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use cubecl::device_handle::DeviceHandle;
use cubecl::{MemoryScope, RuntimeId};
use cubecl_environment::stream::Stream;

use crate::error::Error;
use crate::memory::{Bytes, MemoryReport};

/// Identities that no network uses. cubecl never frees what a stream itself costs, so identities are reused: that bounds
/// the cost by the largest number of networks that ever lived at once. Streams belong to the process, hence the static.
static UNUSED: Mutex<Vec<Stream>> = Mutex::new(Vec::new());

/// Held by all work on a GPU, and exclusively by loading, freeing and recording graphs. CUDA refuses a recording if memory
/// is allocated meanwhile, and no replay may meet a page that is being freed.
static WORK: RwLock<()> = RwLock::new(());

/// What a device's servers are given to end. burn may keep a client, as its tuner does in a static, for which cubecl
/// would wait half a minute in vain.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stream of a GPU that nobody else has while this value lives.
pub struct DeviceStream {
    device: cubecl::Device,
    stream: Stream,
}

impl DeviceStream {
    /// `None` for a device that is not cubecl's.
    pub fn new(device: &Device) -> Option<Self> {
        let DispatchDevice::Cube(device) = device.as_dispatch() else {
            return None;
        };
        Some(Self { device: device.clone(), stream: unused().pop().unwrap_or_else(Stream::new) })
    }

    /// Does `work` in this stream, on any thread.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        // The lock guards no data that a panic could have left half-changed.
        let _shared = WORK.read().unwrap_or_else(PoisonError::into_inner);
        self.stream.enter(work)
    }

    /// The same, while no other stream is at work.
    pub fn enter_alone<R>(&self, work: impl FnOnce() -> R) -> R {
        let _alone = WORK.write().unwrap_or_else(PoisonError::into_inner);
        self.stream.enter(work)
    }

    /// Gives every page of the device without live data back to the driver. Must be called in the stream.
    pub fn clean_up(&self) -> Result<(), Error> {
        self.device.client().memory_cleanup().map_err(Error::device)
    }

    /// What the stream's pools hold.
    pub fn memory(&self) -> MemoryReport {
        self.enter(|| memory(&self.device, MemoryScope::CurrentStream))
    }
}

/// What all streams of a device hold together.
pub fn device_memory(device: &cubecl::Device) -> MemoryReport {
    memory(device, MemoryScope::Device)
}

/// Ends the device's server, and with it its streams, compiled kernels and context. Refused while data lives there.
pub fn shut_down(device: &cubecl::Device, name: &str) -> Result<(), Error> {
    let _alone = WORK.write().unwrap_or_else(PoisonError::into_inner);
    device.client().memory_cleanup().map_err(Error::device)?;
    let memory = device_memory(device);
    let in_use = (memory.weights + memory.workspace).in_use;
    if in_use > 0 {
        return Err(Error::DeviceInUse { device: name.to_owned(), in_use });
    }
    end_servers(device);
    #[cfg(feature = "cuda")]
    if let cubecl::Device::Cuda(device) = device {
        super::cuda::reset_context(device.index)?;
    }
    Ok(())
}

/// Ends them; one that takes longer has nothing left to do, and its thread stays behind, idle.
fn end_servers(device: &cubecl::Device) {
    // burn's queue is a separate server, under the id that also names the runtime.
    let ids = [device.to_id(), RuntimeId::strip(device.to_id())];
    let (ending, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        for id in ids {
            DeviceHandle::<()>::shutdown(id);
        }
        drop(ending);
    });
    // The end of the channel is what it waits for.
    ended.recv_timeout(PATIENCE).ok();
}

fn memory(device: &cubecl::Device, scope: MemoryScope) -> MemoryReport {
    let streams = device.client().memory_report(scope).streams;
    let pools = || streams.iter().map(|stream| &stream.pools);
    let dynamic = pools().flat_map(|pools| pools.dynamic.iter().chain([&pools.dedicated]));
    let auxiliary = streams.iter().flat_map(|stream| &stream.auxiliary);
    MemoryReport {
        weights: pools().map(|pools| bytes(&pools.persistent.usage)).sum(),
        workspace: dynamic.map(|pool| bytes(&pool.usage)).sum(),
        staging: auxiliary.map(|memory| bytes(&memory.pools.usage())).sum(),
        resident: None,
        driver: driver(device),
    }
}

impl Drop for DeviceStream {
    fn drop(&mut self) {
        unused().push(self.stream);
    }
}

fn unused() -> MutexGuard<'static, Vec<Stream>> {
    // A panic in between leaves the list as it was.
    UNUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(usage: &cubecl::MemoryUsage) -> Bytes {
    Bytes { in_use: usage.bytes_in_use, reserved: usage.bytes_reserved }
}

/// The driver's own figure, where it has one.
fn driver(device: &cubecl::Device) -> Option<u64> {
    match device {
        #[cfg(feature = "cuda")]
        cubecl::Device::Cuda(device) => super::cuda::bytes_in_use(device.index),
        _ => None,
    }
}
