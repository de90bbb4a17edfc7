//! `.pt` files: whole modules, training checkpoints, state dicts; their pickles damaged opcode by opcode inside a
//! valid zip, their zips byte by byte, their objects before they are pickled.

use std::io::{Cursor, Write};
use std::iter;
use std::ops::Range;
use std::rc::Rc;

use fastrand::Rng;
use weights_convert::{Options, convert_bytes};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::damage::{NAMES, damage, once_in, one_of};
use crate::support::forms;
use crate::support::network::{Array, Builder, Module, TOPOLOGIES};
use crate::support::pickle::{Pickler, Py, Stored, zip_file};
use crate::target::Target;

/// 1/32 of the published channels, so that most of a file is its pickle.
const NARROW: usize = 32;

/// Approximate bytes per entry of a zip beside its content.
const ENTRY: usize = 200;

/// The limit promised by `weights-convert/src/limits.rs`.
fn budget(length: usize) -> usize {
    length + 2 * (16 * length + (16 << 20)) + (160 << 20)
}

pub fn target() -> Target {
    let networks: Vec<Module> = TOPOLOGIES
        .iter()
        .map(|(variant, ..)| Builder::with_width(3, |channels| channels / NARROW).build(variant))
        .collect();
    let sound: Vec<Sound> = networks.iter().flat_map(forms_of).collect();
    Target {
        budget,
        make: Box::new(move |rng| match rng.usize(..20) {
            0 => {
                let network = &networks[rng.usize(..networks.len())];
                remodelled(rng, network.clone())
            }
            1..4 => {
                let mut file = sound[rng.usize(..sound.len())].zipped(rng);
                damage(rng, &mut file, &["PK\u{3}\u{4}", "PK\u{1}\u{2}", "data.pkl", "data/", "byteorder"]);
                file
            }
            _ => {
                let mut copy = sound[rng.usize(..sound.len())].clone();
                copy.damage(rng);
                copy.zipped(rng)
            }
        }),
        read: Box::new(|file| convert_bytes(file, &Options::default()).is_ok()),
    }
}

/// A pickle and the storages that it names.
#[derive(Clone)]
struct Sound {
    pickle: Vec<u8>,
    storages: Rc<Vec<Vec<u8>>>,
}

/// The forms of one network.
fn forms_of(network: &Module) -> Vec<Sound> {
    let state_dict = |prefix: &str| {
        let tensors = network.tensors().into_iter();
        let entries = tensors.map(|(name, array)| (Py::Str(format!("{prefix}{name}")), Py::Tensor(array, Stored::F16)));
        Py::OrderedDict(entries.collect())
    };
    let held = |key: &str, value: Py| Py::Dict(vec![(Py::Str(key.to_owned()), value)]);
    let named = network.clone().attribute("names", Py::List(NAMES.map(|name| Py::Str(name.to_owned())).to_vec()));
    [
        forms::stripped(named.pickle(Stored::F16)),
        state_dict("module."),
        held("ema", held("module", state_dict("model."))),
        held("state_dict", state_dict("net.")),
    ]
    .iter()
    .map(|value| {
        let Pickler { bytes: pickle, storages, .. } = Pickler::dump(value);
        Sound { pickle, storages: Rc::new(storages) }
    })
    .collect()
}

impl Sound {
    fn zipped(&self, rng: &mut Rng) -> Vec<u8> {
        let method = if once_in(rng, 20) { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let size = self.pickle.len() + self.storages.iter().map(|storage| storage.len() + ENTRY).sum::<usize>();
        let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(size)));
        let options = SimpleFileOptions::default().compression_method(method);
        let storages = self.storages.iter().zip(0..).map(|(bytes, key)| (format!("a/data/{key}"), &bytes[..]));
        for (name, bytes) in iter::once(("a/data.pkl".to_owned(), &self.pickle[..])).chain(storages) {
            zip.start_file(name, options).expect("a fresh entry");
            zip.write_all(bytes).expect("memory takes everything");
        }
        zip.finish().expect("memory takes everything").into_inner()
    }

    /// Changes a few opcodes, mostly to other opcodes, and sometimes a storage.
    fn damage(&mut self, rng: &mut Rng) {
        for _ in 0..rng.usize(1..=4) {
            let opcodes = opcodes(&self.pickle);
            let pick = |rng: &mut Rng| opcodes[rng.usize(..opcodes.len())].clone();
            let (here, there) = (pick(rng), pick(rng));
            let other = self.pickle[there.clone()].to_vec();
            match rng.usize(..6) {
                0 => drop(self.pickle.drain(here)),
                1 => drop(self.pickle.splice(here, other)),
                2 => drop(self.pickle.splice(here.start..here.start, other)),
                // The number or the text of an opcode, not the opcode itself.
                3 if here.len() > 1 => {
                    let at = rng.usize(here.start + 1..here.end);
                    self.pickle[at] = rng.u8(..);
                }
                4 => {
                    const ALONE: &[u8] = b"(.012N)tldeuasbRQ]}\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94";
                    self.pickle.insert(here.start, ALONE[rng.usize(..ALONE.len())]);
                }
                _ => {
                    let range = here.start.min(there.start)..here.start.max(there.start).min(here.start + 4096);
                    let range = range.start..range.end.max(range.start);
                    let copy = self.pickle[range].to_vec();
                    self.pickle.splice(here.start..here.start, copy);
                }
            }
            if self.pickle.is_empty() {
                return;
            }
        }
        if once_in(rng, 10) {
            let storage = rng.usize(..self.storages.len());
            damage(rng, &mut Rc::make_mut(&mut self.storages)[storage], &[]);
        }
    }
}

/// The range of each opcode in a pickle made by `Pickler`, with its argument; damaged ones are one byte long.
fn opcodes(pickle: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < pickle.len() {
        let rest = &pickle[start + 1..];
        let counted = |width: usize| {
            let length = rest
                .get(..width)
                .map_or(0, |bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)));
            width + length
        };
        let argument = match pickle[start] {
            0x80 | b'K' | b'h' | b'q' => 1,
            b'M' => 2,
            b'J' | b'r' | b'j' => 4,
            b'G' => 8,
            b'X' | b'T' | b'B' => counted(4),
            b'U' | b'C' | 0x8a | 0x8c => counted(1),
            b'c' => rest.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum(),
            _ => 0,
        };
        let end = if argument <= rest.len() { start + 1 + argument } else { start + 1 };
        found.push(start..end);
        start = end;
    }
    found
}

/// A valid pickle of an invalid network.
fn remodelled(rng: &mut Rng, mut model: Module) -> Vec<u8> {
    for _ in 0..rng.usize(1..=3) {
        let mut tensors: Vec<String> = model.tensors().into_iter().map(|(name, _)| name).collect();
        tensors.sort();
        let tensor = tensors[rng.usize(..tensors.len())].clone();
        let (module, name) = tensor.rsplit_once('.').expect("a module and a tensor");
        match rng.usize(..8) {
            0 => {
                let shape: Vec<usize> =
                    (0..rng.usize(..6)).map(|_| [0, 1, 2, 3, 16, 1 << 30][rng.usize(..6)]).collect();
                let count = shape.iter().fold(1_usize, |count, side| count.saturating_mul(*side)).min(4096);
                let array = Array::new(&[count], vec![0.5; count]);
                let strides = shape.iter().map(|_| [0, 1, 7, usize::MAX >> 1][rng.usize(..4)]).collect();
                *model.tensor(&tensor) = Array { shape, strides, ..array };
            }
            1 => model.tensor(&tensor).offset = [1, 1 << 20, usize::MAX >> 1][rng.usize(..3)],
            2 => {
                let array = model.tensor(&tensor);
                let value = [f64::NAN, f64::INFINITY, 1e300, -1.0, 0.0][rng.usize(..5)];
                array.storage.iter_mut().for_each(|stored| *stored = value);
            }
            3 => model.at(module).parameters.retain(|(known, _)| known != name),
            4 => model.at(module).class = one_of(rng, &["torch.nn.Linear", "a.B", "os.system"]).to_owned(),
            5 => {
                let child = model.at(module).clone();
                model.at(module).children.push((one_of(rng, &["0", "cv1", "conv", "bn"]).to_owned(), child));
            }
            6 => {
                let value = [Py::Float(f64::NAN), Py::Int(i64::MIN), Py::Bool(true), Py::None][rng.usize(..4)].clone();
                model.at(module).attributes.push((one_of(rng, &["eps", "add", "names"]).to_owned(), value));
            }
            // A tensor swapped with another one, with everything that belongs to it.
            _ => {
                let other = tensors[rng.usize(..tensors.len())].clone();
                let (one, two) = (model.tensor(&tensor).clone(), model.tensor(&other).clone());
                (*model.tensor(&tensor), *model.tensor(&other)) = (two, one);
            }
        }
    }
    let stored = [Stored::F16, Stored::BF16, Stored::F32, Stored::F64][rng.usize(..4)];
    let Pickler { bytes, storages, .. } = Pickler::dump(&forms::stripped(model.pickle(stored)));
    zip_file(&bytes, &storages, CompressionMethod::Stored)
}
