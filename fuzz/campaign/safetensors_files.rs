//! safetensors: with PyTorch's names into the converter, and converted ones into the loader and the detector.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Map, Value, json};
use weights_convert::{Options, convert_bytes};
use yolov10_model::{Detector, Weights};

use crate::damage::{NAMES, NUMBER_TEXTS, damage, once_in, one_of};
use crate::support::forms;
use crate::support::network::{Builder, TOPOLOGIES};
use crate::support::pickle::Stored;
use crate::target::Target;

/// A thirty-second of the published channels.
const NARROW: usize = 32;

/// The promise of `weights-convert/src/limits.rs`, and what a detector of so many weights takes.
fn budget(length: usize) -> usize {
    length + 2 * (16 * length + (16 << 20)) + (160 << 20)
}

/// A file in its two parts.
struct Sound {
    header: Map<String, Value>,
    data: Vec<u8>,
}

impl Sound {
    fn new(file: &[u8]) -> Self {
        let (length, rest) = file.split_first_chunk().expect("a header's length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        Self { header: serde_json::from_slice(header).expect("a header is JSON"), data: data.to_vec() }
    }
}

pub fn target() -> Target {
    let sound: Vec<Sound> = TOPOLOGIES
        .iter()
        .flat_map(|(variant, ..)| {
            let network = Builder::with_width(3, |channels| channels / NARROW).build(variant);
            let original = forms::safetensors(&network, Stored::F16, "model.");
            let converted = convert_bytes(original.clone(), &Options::default()).expect("a sound network");
            [Sound::new(&original), Sound::new(&converted.bytes)]
        })
        .collect();
    Target {
        budget,
        make: Box::new(move |rng| {
            let sound = &sound[rng.usize(..sound.len())];
            let mut header = sound.header.clone();
            edit(rng, &mut header);
            let mut header = Value::Object(header).to_string().into_bytes();
            if once_in(rng, 4) {
                damage(
                    rng,
                    &mut header,
                    &["{", "}", "[", "\"shape\":", "\"data_offsets\":", "\"F64\"", ",", "__metadata__"],
                );
            }
            let mut length = header.len() as u64;
            if once_in(rng, 20) {
                length = [0, length + 1, 100_000_000, u64::MAX][rng.usize(..4)];
            }
            let mut data = sound.data.clone();
            if once_in(rng, 8) {
                damage(rng, &mut data, &[]);
            }
            [&length.to_le_bytes()[..], &header, &data].concat()
        }),
        read: Box::new(|file| {
            // A converted file goes the way that the program sends it.
            let is_loaded = Weights::from_bytes(&file).is_ok_and(|weights| {
                let mut options = yolov10_model::Options::default();
                options.cpu.threads = std::num::NonZeroUsize::new(1);
                Detector::new(&Arc::new(weights), &options).is_ok()
            });
            convert_bytes(file, &Options::default()).is_ok() || is_loaded
        }),
    }
}

/// Edits the header as JSON: it stays JSON.
fn edit(rng: &mut Rng, header: &mut Map<String, Value>) {
    for _ in 0..rng.usize(..4) {
        let keys: Vec<String> = header.keys().cloned().collect();
        let key = keys[rng.usize(..keys.len())].clone();
        match rng.usize(..8) {
            0 => drop(header.remove(&key)),
            1 => {
                let entry = header.remove(&key).expect("it was there");
                header.insert(one_of(rng, &NAMES).to_owned(), entry);
            }
            2 => {
                header[&key]["dtype"] =
                    json!(one_of(rng, &["F16", "F32", "F64", "BF16", "I64", "BOOL", "F8_E4M3", "X"]))
            }
            3 => header[&key]["shape"] = (0..rng.usize(..6)).map(|_| side(rng)).collect(),
            4 => header[&key]["data_offsets"] = json!([side(rng), side(rng)]),
            // Two tensors exchange what they are.
            5 => {
                let other = keys[rng.usize(..keys.len())].clone();
                let (one, two) = (header[&key].clone(), header[&other].clone());
                header.insert(key, two);
                header.insert(other, one);
            }
            // A side more or less, the bytes as they were.
            6 => {
                if let Some(Value::Array(shape)) = header[&key].get_mut("shape")
                    && let [.., last] = &mut shape[..]
                {
                    *last = side(rng);
                }
            }
            _ => {
                let known =
                    ["format", "format_version", "names", "imgsz", "strides", "reg_max", "variant", "sppf_activation"];
                let entry = one_of(rng, &known);
                let value = match rng.usize(..4) {
                    0 => one_of(rng, &NUMBER_TEXTS).to_owned(),
                    1 => "[640,640]".to_owned(),
                    2 => r#"["cat","dog","cow"]"#.to_owned(),
                    _ => one_of(rng, &NAMES).to_owned(),
                };
                let metadata = header.entry("__metadata__").or_insert_with(|| json!({}));
                if let Some(metadata) = metadata.as_object_mut() {
                    metadata.insert(entry.to_owned(), json!(value));
                }
            }
        }
    }
}

fn side(rng: &mut Rng) -> Value {
    json!([0, 1, 2, 3, 7, 16, 64, 1 << 20, u64::MAX][rng.usize(..9)])
}
