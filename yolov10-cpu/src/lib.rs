//! A CPU engine for convolutional networks: f32, one image at a time, as fast as the machine allows.
//!
//! A network is described once as a graph of [`Value`]s and becomes an [`Engine`]: weights packed for the kernels,
//! a team of threads, and for every size of image a plan in which all addresses are settled. The kernels serve
//! AVX-512, AVX2, NEON and plain Rust from one binary. It knows convolutions, pools, attention and
//! upsampling; which network they form, what an image is and where weights come from is its caller's business.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test panics to fail"))]

mod arena;
mod cores;
mod engine;
mod error;
mod fuse;
mod graph;
mod image;
mod isa;
mod kernels;
mod layout;
mod lower;
mod pages;
mod place;
mod plan;
mod sizes;
mod steps;
mod team;
mod value;
mod weights;

pub use engine::{Engine, Memory, Options, Precision};
pub use error::Error;
pub use image::{InputPlanes, MapView};
pub use isa::Isa;
pub use pages::Pages;
pub use value::{Activation, Conv, Value};
