//! Something that reads what strangers have made.

use fastrand::Rng;

/// Makes an input.
pub type Make = Box<dyn Fn(&mut Rng) -> Vec<u8>>;

/// How inputs are made and read.
pub struct Target {
    /// The most bytes that reading an input of so many bytes may take, the input included.
    pub budget: fn(usize) -> usize,
    /// Makes an input.
    pub make: Make,
    /// Reads it; whether it was understood.
    pub read: Box<dyn Fn(Vec<u8>) -> bool>,
}
