//! Very many inputs, most of them broken, into all that reads what strangers have made; on stable Rust.
//!
//! `cargo run --release --example campaign -- --inputs 1000000 --seed 7`, or `make campaign INPUTS=1000000 SEED=7`.
//!
//! Each target makes its inputs from a seed: sound ones with the structure of their format, then damaged. They are read
//! in processes of their own, so that an abort or a hang ends one of these only. What a target says of an input, a
//! result or an error, is not judged; what is counted is panics, aborts, memory beyond the target's budget, and hangs.
//! Exit code 1 if there was any; each is printed with the command that repeats it.

#![expect(clippy::print_stdout, reason = "it is a program")]

mod checkpoints;
mod coco;
mod damage;
mod labels;
mod lists;
mod lossless;
mod pictures;
mod place;
mod safetensors_files;
mod supervisor;
#[path = "../../weights-convert/tests/support/mod.rs"]
mod support;
mod target;
mod worker;
mod yaml;

use std::process::ExitCode;
use std::thread;

use peak_alloc::PeakAlloc;

use target::Target;

/// Counts what an input takes.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A name, its share of the inputs in percent, and the target itself.
type Tried = (&'static str, usize, fn() -> Target);

/// Everything that is tried.
const TARGETS: [Tried; 7] = [
    ("pictures", 25, pictures::target),
    ("checkpoints", 15, checkpoints::target),
    ("safetensors", 10, safetensors_files::target),
    ("yaml", 10, yaml::target),
    ("labels", 10, labels::target),
    ("coco", 15, coco::target),
    ("lists", 15, lists::target),
];

const USAGE: &str = "usage: campaign [--inputs N] [--seed N] [--workers N] [--target NAME] [--at INDEX]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, rest @ ..] = &words[..]
        && word == worker::WORD
    {
        worker::run(rest);
        return ExitCode::SUCCESS;
    }
    let (mut inputs, mut seed, mut only, mut at) = (10_000, 1, None, None);
    let mut workers = thread::available_parallelism().map_or(1, usize::from);
    for pair in words.chunks(2) {
        match pair {
            [key, value] if key == "--inputs" => inputs = number(value),
            [key, value] if key == "--seed" => seed = number(value),
            [key, value] if key == "--workers" => workers = number(value).max(1),
            [key, value] if key == "--target" => only = Some(value.as_str()),
            [key, value] if key == "--at" => at = Some(number(value)),
            _ => panic!("{USAGE}"),
        }
    }
    if let (Some(name), Some(index)) = (only, at) {
        worker::repeat(name, seed, index);
        return ExitCode::SUCCESS;
    }
    println!(
        "{:<12} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8}",
        "target", "inputs", "read", "panics", "aborts", "beyond", "hangs", "peak MB", "seconds"
    );
    let mut failed = 0;
    for (name, share, _) in TARGETS.iter().filter(|(name, ..)| only.is_none_or(|only| only == *name)) {
        let inputs = if only.is_some() { inputs } else { inputs * share / 100 };
        failed += supervisor::run(name, seed as u64, inputs, workers);
    }
    ExitCode::from(u8::from(failed > 0))
}

fn number(text: &str) -> usize {
    text.parse().expect(USAGE)
}

/// The target of this name.
fn target(name: &str) -> Target {
    let (.., make) = TARGETS.iter().find(|(known, ..)| *known == name).expect("a target of this name");
    make()
}
