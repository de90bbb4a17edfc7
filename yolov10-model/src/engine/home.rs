//! Where burn's tensors live: a device, and on a GPU one stream that belongs to one set of parameters.
//!
//! cubecl keeps pools and queues per stream identity, on all threads. With an identity of its own, a network's bytes can be
//! counted and its frees are exact; without one, they belong to whichever thread came first.

#[cfg(feature = "gpu")]
use std::sync::Arc;

use burn::tensor::Device;

#[cfg(feature = "gpu")]
use crate::device::stream::DeviceStream;
use crate::error::Error;
use crate::memory::MemoryReport;

/// The device of one network's tensors. A copy that outlives the network tells what the network left there.
#[derive(Clone)]
pub struct Home {
    device: Device,
    /// `None` for burn-flex, which knows no streams.
    #[cfg(feature = "gpu")]
    stream: Option<Arc<DeviceStream>>,
}

impl Home {
    pub fn new(device: Device) -> Self {
        Self {
            #[cfg(feature = "gpu")]
            stream: DeviceStream::new(&device).map(Arc::new),
            device,
        }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether the device counts its own bytes. burn-flex does not: it uses the program's allocator.
    pub fn counts(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.stream.is_some();
        #[cfg(not(feature = "gpu"))]
        return false;
    }

    /// Does `work` in the network's stream; everything that touches its tensors belongs in here or in [`Home::alone`].
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "gpu")]
        if let Some(stream) = &self.stream {
            return stream.enter(work);
        }
        work()
    }

    /// The same, while no other network is at work on a GPU: for taking memory from the driver or giving it back, and for
    /// recording a graph, which neither may disturb.
    pub fn alone<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "gpu")]
        if let Some(stream) = &self.stream {
            return stream.enter_alone(work);
        }
        work()
    }

    /// The same, with every allocation in a slice of its own that fits exactly: for weights.
    pub fn load<T: Send, R: Send>(&self, input: T, work: impl Fn(T) -> R + Send) -> R {
        self.alone(|| self.device.memory_persistent_allocations(input, work))
    }

    /// Waits for everything queued, frees included, and gives pages without live data back to the driver.
    pub fn give_back(&self) -> Result<(), Error> {
        self.alone(|| {
            self.device.sync().map_err(Error::device)?;
            #[cfg(feature = "gpu")]
            if let Some(stream) = &self.stream {
                stream.clean_up()?;
            }
            Ok(())
        })
    }

    /// What the stream holds; nothing where the device does not count.
    pub fn memory(&self) -> MemoryReport {
        #[cfg(feature = "gpu")]
        if let Some(stream) = &self.stream {
            // Frees may still be queued. Even a device that fails has counts.
            self.enter(|| self.device.sync()).ok();
            return stream.memory();
        }
        MemoryReport::default()
    }
}
