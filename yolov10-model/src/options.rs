//! How a detector is made and what it keeps of what it finds.

use std::num::NonZeroUsize;

pub use yolov10_cpu::Isa;

use crate::device::Device;
use crate::letterbox::Fit;
use crate::precision::Precision;
use crate::selection::Selection;
use crate::size::Size;

/// How a detector is made and what it keeps of what it finds.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to compute.
    pub device: Device,
    /// The largest input, in pixels, its sides within [`Size::SIDES`] and raised to multiples of 32;
    /// [`Weights::input_size`](crate::Weights::input_size) if `None`.
    pub input: Option<Size>,
    /// Whether a picture gets all of it or the smallest part it fits into.
    pub fit: Fit,
    /// Which detections to keep.
    pub selection: Selection,
    /// The numbers that are multiplied; the device's usual ones if `None`: f32 on a processor, TF32 on a GPU.
    pub precision: Option<Precision>,
    /// The native CPU engine's own choices.
    pub cpu: CpuOptions,
}

/// How the native CPU engine computes; the default is the fastest way on this machine.
#[derive(Clone, Debug, Default)]
pub struct CpuOptions {
    /// Threads that work, the calling one included; by default the physical cores that the process may use.
    pub threads: Option<NonZeroUsize>,
    /// Kernels to use; by default the best that the machine has.
    pub isa: Option<Isa>,
    /// Computes every convolution as sums of products: no Winograd transform.
    pub exact: bool,
    /// Bytes that weights and workspace together may take.
    pub memory_limit: Option<usize>,
}
