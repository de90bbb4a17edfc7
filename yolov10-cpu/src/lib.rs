//! A CPU engine for convolutional networks: one image at a time, as fast as the machine allows.
//!
//! A network is described once as a graph of [`Value`]s and becomes an [`Engine`]: weights packed for the kernels, a team of
//! threads, and for every image size a plan in which all addresses are fixed. One binary has kernels for AVX-512, AVX2,
//! NEON and plain Rust. The engine knows convolutions, pools, attention and upsampling; which network they form, what an
//! image is and where weights come from is up to the caller.
//!
//! ```
//! use yolov10_cpu::{Activation, Conv, Engine, Error, InputRows, Options, Value};
//!
//! let conv = |key, channels_in, channels_out| Conv {
//!     key,
//!     channels_in,
//!     channels_out,
//!     kernel: 3,
//!     stride: 1,
//!     groups: 1,
//!     activation: Activation::Silu,
//! };
//! let stem = Value::input(3).conv(conv(1, 3, 16));
//! let residual = stem.add(&stem.conv(conv(2, 16, 16)));
//!
//! let mut engine = Engine::new(&[residual], &Options::default(), |_key, weight, bias| {
//!     weight.fill(0.01);
//!     bias.fill(0.5);
//!     Ok::<(), Error>(())
//! })?;
//! let fill = |mut rows: InputRows<'_>| {
//!     for row in rows.range() {
//!         rows.planes_mut::<3>(row).into_iter().for_each(|values| values.fill(1.0));
//!     }
//! };
//! let center = engine.run(32, 48, fill, |outputs| outputs[0].get(0, 16, 24))?;
//! assert!((center - 1.5058).abs() < 1e-3);
//! # Ok::<(), Error>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test panics to fail"))]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("yolo10-burn is for 64-bit targets: maps of weights and pictures do not fit into 32-bit addresses");

// From the bottom up: no group imports from one further down this list, and there are no rings.

// Choices and errors.
mod error;
mod isa;
mod options;

// How maps lie, and what computes on them.
mod kernels;
mod layout;

// Memory and threads.
mod arena;
mod cores;
mod pages;
mod team;

// A network: described, rewritten, its weights packed.
mod compile;
mod graph;
mod lower;
mod network;
mod packing;
mod passes;
mod value;
mod weights;

// The same for one size of image.
mod placement;
mod plan;
mod sizes;
mod steps;

// What runs it, and what fills its input.
mod engine;
mod image;
pub mod resize;

pub use cores::physical as physical_cores;
pub use engine::{Engine, Freed, Ledgers, Memory};
pub use error::Error;
pub use image::{InputRows, MapView};
pub use isa::{Isa, UnknownIsa};
pub use options::{Options, Precision};
pub use pages::{Ledger, Pages, release_freed_blocks, unmap_large_blocks};
pub use value::{Activation, Conv, Value};
