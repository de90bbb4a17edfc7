//! The process that reads inputs, and reports what happened to each.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};

use fastrand::Rng;

use crate::target::Target;
use crate::{MEMORY, target};

/// The first word of a worker's command line; target, seed, first index, end and step follow.
pub const WORD: &str = "worker";

/// The result of reading an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was accepted.
    Read,
    /// It was refused.
    Refused,
    Panicked,
    BeyondBudget,
}

impl Fate {
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Read, "read"),
        (Self::Refused, "refused"),
        (Self::Panicked, "panicked"),
        (Self::BeyondBudget, "beyond"),
    ];

    fn word(self) -> &'static str {
        let (_, word) = Self::ALL.iter().find(|(fate, _)| *fate == self).expect("all are there");
        word
    }
}

/// The generator of one input: the same for the same target, seed and index.
fn rng(name: &str, seed: u64, index: usize) -> Rng {
    let name = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
    Rng::with_seed(name.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index as u64)
}

/// Reads inputs, one line of output each: index, fate, peak of memory in bytes.
pub fn run(words: &[String]) {
    let [name, seed, first, end, step] = words else { panic!("a worker has five arguments") };
    let [first, end, step] = [first, end, step].map(|word| word.parse().expect("a number"));
    let seed = seed.parse().expect("a number");
    let target = target(name);
    // The supervisor reports which input it was; thousands of panic messages would not help.
    panic::set_hook(Box::new(|_| ()));
    let mut out = io::stdout().lock();
    for index in (first..end).step_by(step) {
        let (fate, peak) = read(&target, rng(name, seed, index));
        writeln!(out, "{index} {} {peak}", fate.word()).expect("the supervisor listens");
    }
}

/// Reads one input again and shows it, so that it can become a test.
pub fn repeat(name: &str, seed: usize, index: usize) {
    let target = target(name);
    let input = (target.make)(&mut rng(name, seed as u64, index));
    let path = format!("campaign-{name}-{index}");
    std::fs::write(&path, &input).expect("room for a file");
    println!("{path}: {} bytes", input.len());
    let (fate, peak) = read(&target, rng(name, seed as u64, index));
    println!("{}, {peak} bytes at most", fate.word());
}

fn read(target: &Target, mut rng: Rng) -> (Fate, usize) {
    let before = MEMORY.current_usage();
    let input = (target.make)(&mut rng);
    let length = input.len();
    MEMORY.reset_peak_usage();
    let read = panic::catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let peak = MEMORY.peak_usage().saturating_sub(before);
    let fate = match read {
        Err(_) => Fate::Panicked,
        Ok(_) if peak > (target.budget)(length) => Fate::BeyondBudget,
        Ok(true) => Fate::Read,
        Ok(false) => Fate::Refused,
    };
    (fate, peak)
}
