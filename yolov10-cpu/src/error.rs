//! Every way in which the engine can fail.

use std::io;

use crate::isa::Isa;

/// Why an engine could not be made, or an image could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network asks for something that no kernel computes.
    #[error("convolution {key}: {reason}")]
    Unsupported {
        /// The key of the convolution.
        key: u64,
        /// What is asked for, and what there is.
        reason: String,
    },
    /// A network reads exactly one image.
    #[error("expected a network with 1 input, found {found}")]
    Inputs {
        /// How many inputs the outputs depend on.
        found: usize,
    },
    /// Paths of the network that are joined again arrive at different sizes.
    #[error("input of {height}x{width}: both sides must be multiples of {multiple}")]
    Size {
        /// Rows of the input.
        height: usize,
        /// Columns of the input.
        width: usize,
        /// The network's total stride.
        multiple: usize,
    },
    /// A number beyond what any network, image or machine has.
    #[error("{what}: expected at most {most}, found {found}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// The limit of [`Options::memory_limit`](crate::Options::memory_limit) would be exceeded.
    #[error("memory: {requested} bytes needed, {limit} allowed")]
    MemoryLimit {
        /// Bytes of weights and workspace together; `usize::MAX` means that many or more.
        requested: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The operating system refused memory.
    #[error("memory: the system refused {requested} bytes: {source}")]
    OutOfMemory {
        /// Bytes asked for; `usize::MAX` means that many or more.
        requested: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// The operating system refused a thread.
    #[error("could not start worker thread {index}: {source}")]
    Thread {
        /// Which worker, counted from 1; the caller is worker 0.
        index: usize,
        /// The system's reason.
        source: io::Error,
    },
    /// This machine lacks the instruction set.
    #[error("instruction set {wanted}: this machine has {available}")]
    Isa {
        /// The set asked for.
        wanted: Isa,
        /// The sets it has, best first.
        available: String,
    },
    /// This machine, or the instruction set asked for, can't multiply in bf16.
    #[error("precision bf16: expected avx512 with bf16 products, found {isa}")]
    Bf16 {
        /// The set asked for or detected.
        isa: Isa,
    },
}
