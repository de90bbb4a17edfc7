//! What the caller of an engine chooses.

use std::num::NonZeroUsize;

use crate::isa::Isa;

/// How an engine is to compute. The default is the fastest way on this machine.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads that work, the calling one included: at most 1024, by default the physical cores that the process may
    /// use.
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

/// The numbers that dense convolutions multiply; everything else is computed in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    #[default]
    F32,
    /// Inputs and weights rounded to bf16 (for Winograd after the transforms), with sums in `f32`: little more than
    /// half the time on machines with such products (AVX-512 with BF16). AVX2 and NEON have none, which is an error;
    /// [`Isa::Portable`] imitates them, slowly.
    Bf16,
}
