//! A reader of untrusted files.

use fastrand::Rng;

/// Makes an input.
pub type Make = Box<dyn Fn(&mut Rng) -> Vec<u8>>;

/// How to make and read inputs.
pub struct Target {
    /// Most bytes of memory to read an input of this length, including the input.
    pub budget: fn(usize) -> usize,
    /// Makes an input.
    pub make: Make,
    /// Reads the input; returns whether it was accepted.
    pub read: Box<dyn Fn(Vec<u8>) -> bool>,
}
