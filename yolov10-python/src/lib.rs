//! The half of the Python module `yolo10_burn` that is written in Rust. What its users see is in `python/yolo10_burn`.
//!
//! ```text
//! detector                   A detector, here or in a worker, behind a lock.
//! options, memory            What it is made from; what it holds, as Python has it.
//! sources                    Folders, videos, lists, streams, one picture after another.
//! pictures, draw, convert    Files to pixels and back; boxes in pictures; checkpoints to safetensors.
//! errors                     Errors as exceptions.
//! ```

mod convert;
mod detector;
mod draw;
mod errors;
mod memory;
mod options;
mod pictures;
mod sources;

use pyo3::prelude::*;

/// The compiled half of yolo10_burn.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::convert::convert;
    #[pymodule_export]
    use crate::detector::Detector;
    #[pymodule_export]
    use crate::draw::draw;
    #[pymodule_export]
    use crate::pictures::{decode, encode, open};
    #[pymodule_export]
    use crate::sources::Sources;

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
