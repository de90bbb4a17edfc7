//! Something that reads what strangers have made.

use fastrand::Rng;

/// How inputs are made and read.
pub struct Target {
    /// The most bytes that reading an input of so many bytes may take, the input included.
    pub budget: fn(usize) -> usize,
    /// Makes an input.
    pub make: Box<dyn Fn(&mut Rng) -> Vec<u8>>,
    /// Reads it; whether it was understood.
    pub read: Box<dyn Fn(Vec<u8>) -> bool>,
}
