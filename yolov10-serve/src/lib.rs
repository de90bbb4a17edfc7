//! A service of YOLOv10 detectors whose unload is the proof: when it answers, every byte is back.
//!
//! ```text
//! connection -> http | grpc -> server: decode (pool) -> queue of a model -> instance: detect -> answer
//!                                                       registry: load, unload, evict, trim <- budget
//! ```
//!
//! It speaks the Open Inference Protocol (KServe v2) over HTTP and gRPC, and a plainer dialect of its own beside it.
//! How detectors come to be is the caller's affair: [`Maker`].

mod access;
mod budget;
mod buffers;
mod decode;
mod describe;
mod fetch;
mod finder;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod instance;
mod life;
mod listen;
mod log;
mod memory;
mod model;
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

pub use life::{Error, serve};
pub use name::is_name;
pub use settings::{Access, Limits, LogFormat, MakeError, Maker, Memory, Named, Settings, Source};
