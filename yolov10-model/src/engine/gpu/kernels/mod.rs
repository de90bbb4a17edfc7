//! Our own device code: what burn has no operation for, or several kernels where one will do.
//!
//! All are written for shapes that never change from picture to picture, so that a graph can hold all but the letterbox.
//! They find elements by a tensor's strides: where one row ends and the next begins is the device's choice, and on CUDA burn
//! rounds a row up to a power of two or a multiple of 512 bytes.
#![allow(missing_docs, reason = "the macro makes a module for each kernel")]

mod attention;
mod channels;
mod convolution;
mod picture;
mod place;
mod ranking;

pub use attention::{QUERIES, TILE, attend};
pub use channels::{PARTS, concat, take};
pub use convolution::convolve_few;
pub use picture::{HEADER_WORDS, TAP_WORDS, letterbox};
pub use ranking::{best, rank, table};
