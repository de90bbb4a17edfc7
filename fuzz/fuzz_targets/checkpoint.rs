//! Arbitrary bytes for the reader of weight files.
//!
//! Mutations rarely keep a zip's checksums valid, so bytes that start like a pickle are put into a valid zip,
//! with two storages that its tensors may name.

#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use weights_convert::{Options, convert_bytes};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// The PROTO opcode, with which every pickle of torch starts.
const PROTO: u8 = 0x80;

fuzz_target!(|bytes: &[u8]| {
    let file = if bytes.first() == Some(&PROTO) { in_a_zip(bytes) } else { bytes.to_vec() };
    // Errors are fine; this looks for panics, endless loops and too much memory.
    drop(convert_bytes(file, &Options::default()));
});

fn in_a_zip(pickle: &[u8]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("a/data.pkl", pickle), ("a/data/0", &[0; 64]), ("a/data/1", &[60; 4096])] {
        zip.start_file(name, options).expect("a fresh name");
        zip.write_all(bytes).expect("memory takes everything");
    }
    zip.finish().expect("memory takes everything").into_inner()
}
