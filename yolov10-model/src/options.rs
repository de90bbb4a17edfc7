//! How a detector is made, and which detections it keeps.

use std::num::NonZeroUsize;

pub use yolov10_cpu::{Isa, physical_cores};

use crate::device::Device;
use crate::letterbox::Fit;
use crate::precision::Precision;
use crate::selection::Selection;
use crate::size::Size;

/// How a detector is made, and which detections it keeps.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to compute.
    pub device: Device,
    /// The largest input in pixels; its sides are within [`Size::SIDES`], and are raised to multiples of 32.
    /// [`Weights::input_size`](crate::Weights::input_size) if `None`.
    pub input: Option<Size>,
    /// Whether a picture gets all of it, or the smallest input that it fits into.
    pub fit: Fit,
    /// Which detections to keep.
    pub selection: Selection,
    /// The precision of multiplications; if `None`, the device's usual one: f32 on a processor, TF32 on a GPU.
    pub precision: Option<Precision>,
    /// The native CPU engine's own choices.
    pub cpu: CpuOptions,
}

/// How the native CPU engine computes; the default is the fastest way on this machine.
#[derive(Clone, Debug, Default)]
pub struct CpuOptions {
    /// Threads, including the calling one; by default one for each physical core that the process may use.
    pub threads: Option<NonZeroUsize>,
    /// Kernels to use; by default the best that the machine has.
    pub isa: Option<Isa>,
    /// Computes every convolution directly as sums of products, without Winograd's transforms.
    pub exact: bool,
    /// The most bytes that weights and workspace may take together.
    pub memory_limit: Option<usize>,
}
