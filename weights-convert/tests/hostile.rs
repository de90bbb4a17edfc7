//! Random and mutated files: never a panic, and never more memory than `limits.rs` promises.
//!
//! Memory is counted by an allocator of this test's own process, so there is one test function: others
//! beside it would count, too.

mod support;

use peak_alloc::PeakAlloc;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    test_runner::{Config, TestCaseError, TestRunner},
};
use support::{
    forms,
    network::{Builder, tiny},
    pickle::{Pickler, Py, Stored, torch_file, zip_file},
};
use weights_convert::{Options, convert_bytes};
use zip::CompressionMethod;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What the pickle machine may take beside input, unfolded entries and result.
const MACHINE: usize = 160 << 20;

/// The promise of `limits.rs` for a file of `length` bytes.
fn bound(length: usize) -> usize {
    length + 2 * (16 * length + (16 << 20)) + MACHINE
}

/// Converts, whatever comes of it, and compares the peak with the promise.
fn check(file: Vec<u8>) -> Result<(), TestCaseError> {
    let length = file.len();
    let before = MEMORY.current_usage() - length;
    MEMORY.reset_peak_usage();
    let converted = convert_bytes(file, &Options::default());
    let peak = MEMORY.peak_usage().saturating_sub(before);
    drop(converted);
    if peak > bound(length) {
        return Err(TestCaseError::fail(format!(
            "{peak} bytes for a file of {length}, expected at most {}",
            bound(length)
        )));
    }
    Ok(())
}

/// A change of some bytes at some place; places are fractions of the length.
#[derive(Clone, Debug)]
struct Mutation {
    place: f64,
    bytes: Vec<u8>,
    /// Inserted, or written over what is there.
    is_insertion: bool,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Opcodes and extreme numbers reach further than noise.
    let bytes = prop_oneof![
        vec(any::<u8>(), 1..8),
        Just(vec![0xff; 8]),
        Just(vec![0; 8]),
        vec(
            proptest::sample::select(b"(.012GJKMNQRTUXabcdehjlqrstu})]\x81\x85\x88\x8a\x8d\x93\x94\x95".to_vec()),
            1..4
        ),
    ];
    let place = 0.0..1.0;
    (place, bytes, any::<bool>()).prop_map(|(place, bytes, is_insertion)| Mutation { place, bytes, is_insertion })
}

fn mutated(mut file: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for Mutation { place, bytes, is_insertion } in mutations {
        let start = (place * file.len() as f64) as usize;
        let end = if *is_insertion { start } else { (start + bytes.len()).min(file.len()) };
        file.splice(start..end, bytes.iter().copied());
    }
    file
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn no_file_panics_or_takes_more_memory_than_promised() {
    let noise = vec(any::<u8>(), 0..4096);
    runner(2000).run(&noise, check).expect("random bytes");

    let after_magic =
        (proptest::sample::select(vec![&b"PK\x03\x04"[..], b"\x10\0\0\0\0\0\0\0{\"", b"\x80\x02"]), noise);
    let after_magic = after_magic.prop_map(|(magic, noise)| [magic, &noise].concat());
    runner(2000).run(&after_magic, check).expect("random bytes after a magic number");

    let model = tiny("n");
    let mutations = || vec(mutation(), 1..6);
    let files = [
        forms::ultralytics(&model, Stored::F16),
        forms::state_dict(&model, Stored::BF16),
        forms::safetensors(&model, Stored::F32, ""),
    ];
    for file in files {
        let damaged = mutations().prop_map(move |mutations| mutated(file.clone(), &mutations));
        runner(300).run(&damaged, check).expect("a mutated file");
    }

    // Mutations of the pickle inside of a sound zip reach past the checksum.
    let pickle = Pickler::dump(&forms::stripped(model.pickle(Stored::F16)));
    let damaged = mutations().prop_map(move |mutations| {
        zip_file(&mutated(pickle.bytes.clone(), &mutations), &pickle.storages, CompressionMethod::Stored)
    });
    runner(600).run(&damaged, check).expect("a mutated pickle");

    // One long string as the name of very many classes.
    let mut names = [&b"](X"[..], &(1_u32 << 19).to_le_bytes(), &[b'x'; 1 << 19]].concat();
    names.extend(b"r\0\0\0\xf0");
    names.extend(b"j\0\0\0\xf0".repeat(100_000));
    names.push(b'e');
    let model = Builder::tiny(100).build("n").attribute("names", Py::Raw(names));
    check(torch_file(&forms::stripped(model.pickle(Stored::F16)))).expect("a long name");

    // The most that a pickle can make the machine build per opcode.
    for opcodes in [&b"]"[..], b"}", b"N", b"(", b"\x94", b"]\x94", b"2", b")\x81", b"(]"] {
        let greedy: Vec<u8> = b"N".iter().chain(opcodes.iter().cycle()).copied().take((1 << 20) + 8).collect();
        check(zip_file(&greedy, &[], CompressionMethod::Deflated)).expect("a greedy pickle");
    }
}
