//! What the caller of an engine chooses.

use std::num::NonZeroUsize;

use crate::isa::Isa;

/// How an engine computes. The default is the fastest on this machine.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads, including the calling one: at most 1024, by default one for each physical core that the process may use.
    pub threads: Option<NonZeroUsize>,
    /// Kernels to use; by default the best that the machine has.
    pub isa: Option<Isa>,
    /// Computes every convolution directly as sums of products, without Winograd's transforms.
    pub exact: bool,
    /// What dense convolutions multiply.
    pub precision: Precision,
    /// The most bytes that weights and workspace may take together.
    pub memory_limit: Option<usize>,
}

/// The type of the numbers that dense convolutions multiply; everything else is computed in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    #[default]
    F32,
    /// Inputs and weights are rounded to bf16 (for Winograd after the transforms), sums are in `f32`. It takes little more
    /// than half the time on machines with such products (AVX-512 with BF16). On AVX2 and NEON it is an error;
    /// [`Isa::Portable`] imitates it, slowly.
    Bf16,
}
