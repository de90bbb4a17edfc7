//! Where a detector computes.

#[cfg(feature = "gpu")]
mod cache;
mod choice;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "gpu")]
mod share;
#[cfg(feature = "gpu")]
pub(crate) mod stream;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

#[cfg(feature = "gpu")]
use burn::backend::DispatchDevice;

#[cfg(feature = "gpu")]
pub(crate) use self::cache::choice;
pub(crate) use self::choice::Choice;
#[cfg(feature = "gpu")]
pub(crate) use self::share::{MemoryShare, no_room};
use crate::error::Error;
use crate::memory::{Bytes, FreeReport, MemoryReport, resident};

/// Where a detector computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The native engine on the processor: the default, and the fastest without a GPU.
    #[default]
    Cpu,
    /// burn-flex on the processor: slow, kept as the reference for the other engines.
    Flex,
    /// An NVIDIA GPU by its number, in a build with the feature `cuda`.
    Cuda(usize),
    /// Any GPU through wgpu, software Vulkan included, in a build with the feature `wgpu`.
    Wgpu,
}

impl Device {
    /// The first CUDA GPU if this build and this machine have one, otherwise the processor; in a build with CUDA, then also
    /// what is missing.
    pub fn auto() -> (Self, Option<Error>) {
        #[cfg(feature = "cuda")]
        return match Self::Cuda(0).check_cuda(0) {
            Ok(()) => (Self::Cuda(0), None),
            Err(missing) => (Self::Cpu, Some(missing)),
        };
        #[cfg(not(feature = "cuda"))]
        (Self::Cpu, None)
    }

    /// The burn device behind it.
    ///
    /// # Errors
    /// This build or this machine does not have it.
    pub(crate) fn open(self) -> Result<burn::tensor::Device, Error> {
        self.open_keeping(None, Choice::Rule)
    }

    /// The same, with its kernels kept in `folder` and chosen as `asked`, unless this process has already decided otherwise.
    fn open_keeping(self, folder: Option<&Path>, asked: Choice) -> Result<burn::tensor::Device, Error> {
        match self {
            Self::Cpu | Self::Flex => Ok(burn::tensor::Device::flex()),
            Self::Cuda(index) => self.open_cuda(index, folder, asked),
            Self::Wgpu => self.open_wgpu(folder, asked),
        }
    }

    /// What all detectors on it hold together. Only GPUs count.
    ///
    /// # Errors
    /// This build or this machine does not have it.
    pub fn memory(self) -> Result<MemoryReport, Error> {
        Ok(MemoryReport { resident: resident(), ..self.counted()? })
    }

    /// Gives back what dropped detectors leave for the next one: compiled kernels, streams and, on CUDA, the context. The
    /// next detector opens the device again. On the processor there is nothing to give back.
    ///
    /// No detector may be created on the device meanwhile. Where burn keeps a client of it, as its tuner does, the next one
    /// waits until 30 seconds have passed: cubecl waits for that client, and leaves its thread behind.
    ///
    /// # Errors
    /// Detectors still live there, or this build or this machine does not have the device.
    pub fn shutdown(self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory()?);
        #[cfg(feature = "gpu")]
        if let DispatchDevice::Cube(device) = self.open()?.as_dispatch() {
            stream::shut_down(device, &self.to_string())?;
        }
        let after = MemoryReport { resident: resident(), ..MemoryReport::default() };
        Ok(FreeReport::new(before, after, Bytes::default(), started.elapsed()))
    }

    /// The bytes that its engines count.
    fn counted(self) -> Result<MemoryReport, Error> {
        let device = self.open()?;
        #[cfg(feature = "gpu")]
        if let DispatchDevice::Cube(device) = device.as_dispatch() {
            return Ok(stream::device_memory(device));
        }
        drop(device);
        Ok(MemoryReport::default())
    }

    /// From now on keeps the kernels that are compiled for a GPU in `folder`, or in the user's cache folder. Returns the
    /// file, which exists once something was kept; `None` for a processor, which has nothing to keep.
    ///
    /// If several kernels do the same, a rule chooses, or the results of a trial that
    /// [`tune_kernels`](Device::tune_kernels) has left there. The first call of either in a process decides; so does a
    /// detector that was created before it.
    ///
    /// # Errors
    /// This build or this machine does not have the device.
    pub fn keep_kernels(self, folder: Option<&Path>) -> Result<Option<PathBuf>, Error> {
        self.keep(folder, Choice::Rule)
    }

    /// The same, but tries every kernel that there is, when an input size and batch comes for the first time. The results
    /// are kept, and used by all later processes that keep their kernels in the same folder.
    ///
    /// # Errors
    /// As [`keep_kernels`](Device::keep_kernels).
    pub fn tune_kernels(self, folder: Option<&Path>) -> Result<Option<PathBuf>, Error> {
        self.keep(folder, Choice::Trial)
    }

    fn keep(self, folder: Option<&Path>, asked: Choice) -> Result<Option<PathBuf>, Error> {
        let device = self.open_keeping(folder, asked)?;
        #[cfg(feature = "gpu")]
        if let DispatchDevice::Cube(_) = device.as_dispatch() {
            return Ok(Some(cache::file()));
        }
        drop(device);
        Ok(None)
    }

    #[cfg(feature = "cuda")]
    fn check_cuda(self, index: usize) -> Result<(), Error> {
        cuda::check(index).map_err(|reason| Error::DeviceUnavailable { device: self.to_string(), reason })
    }

    #[cfg(feature = "cuda")]
    fn open_cuda(self, index: usize, folder: Option<&Path>, asked: Choice) -> Result<burn::tensor::Device, Error> {
        self.check_cuda(index)?;
        cache::keep_in(folder, asked, || cuda::identity(index));
        Ok(burn::tensor::Device::cuda(index))
    }

    #[cfg(not(feature = "cuda"))]
    fn open_cuda(self, _index: usize, _folder: Option<&Path>, _asked: Choice) -> Result<burn::tensor::Device, Error> {
        Err(Error::NotBuiltIn { device: self.to_string(), feature: "cuda" })
    }

    #[cfg(feature = "wgpu")]
    fn open_wgpu(self, folder: Option<&Path>, asked: Choice) -> Result<burn::tensor::Device, Error> {
        use burn::tensor::{DeviceKind, DeviceType};
        // Before devices are enumerated, which reads the choice.
        cache::keep_in(folder, asked, || self.to_string());
        if burn::tensor::Device::enumerate(DeviceType::Wgpu).into_iter().next().is_none() {
            let reason = "no GPU driver; Mesa's software Vulkan (Debian: mesa-vulkan-drivers) needs no GPU";
            return Err(Error::DeviceUnavailable { device: self.to_string(), reason: reason.into() });
        }
        Ok(burn::tensor::Device::wgpu(DeviceKind::DefaultDevice))
    }

    #[cfg(not(feature = "wgpu"))]
    fn open_wgpu(self, _folder: Option<&Path>, _asked: Choice) -> Result<burn::tensor::Device, Error> {
        Err(Error::NotBuiltIn { device: self.to_string(), feature: "wgpu" })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Flex => f.write_str("flex"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu => f.write_str("wgpu"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    /// `cpu`, `flex`, `cuda`, `cuda:1`, `wgpu`; a number alone is a CUDA device, as in ultralytics.
    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownDevice(name.to_owned());
        match name {
            "cpu" => Ok(Self::Cpu),
            "flex" => Ok(Self::Flex),
            "cuda" => Ok(Self::Cuda(0)),
            "wgpu" => Ok(Self::Wgpu),
            name => {
                let index = name.strip_prefix("cuda:").unwrap_or(name);
                index.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}
