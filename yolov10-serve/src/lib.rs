//! A server for YOLOv10 detectors that proves its unloads: when an unload answers, every byte has been freed.
//!
//! ```text
//! connection -> http | grpc -> server: decode (pool) -> queue of a model -> instance: detect -> answer
//!                                                       registry: load, unload, evict, trim <- budget
//! ```
//!
//! It speaks the Open Inference Protocol (KServe v2) over HTTP and gRPC, and a simpler protocol of its own.
//! The caller makes the detectors: see [`Maker`].

mod access;
mod budget;
mod buffers;
mod decode;
mod describe;
mod error;
mod fetch;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod impatient;
mod instance;
mod life;
mod listen;
mod log;
mod memory;
mod model;
mod model_detector;
mod name;
mod picture;
mod problem;
mod queue;
mod registry;
mod repository;
mod running;
mod server;
mod settings;
mod stats;
mod tensors;
mod tls;
mod work;

pub use error::Error;
pub use life::serve;
pub use name::is_name;
pub use settings::{Access, Limits, LogFormat, MakeError, Maker, Memory, Named, Settings, Source};
