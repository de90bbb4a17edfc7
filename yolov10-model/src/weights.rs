//! A weight file in memory: safetensors whose keys are the field paths of the network.
//!
//! `weights-convert` writes them. Reading is strict: every tensor of the network must be there in its shape, and
//! every tensor of the file must be used. Nothing is copied to a device before an engine asks for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use yolov10_cpu::Pages;

use crate::blocks::Activation;
use crate::error::Error;
use crate::network::Network;
use crate::scope::ParameterPaths;

/// What `format` and `format_version` in the metadata must say.
const FORMAT: &str = "yolo10-burn";
const FORMAT_VERSION: &str = "1";
/// How many names an error lists before it counts the rest.
const NAMES_LISTED: usize = 10;

/// A weight file in memory, its header understood.
///
/// Owns the file's bytes (pages of their own, given back when it is dropped) or borrows them from the program.
#[derive(Debug)]
pub struct Weights {
    bytes: Bytes,
    tensors: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
    class_names: Vec<String>,
}

#[derive(Debug)]
enum Bytes {
    Static(&'static [u8]),
    Pages(Pages),
}

/// A tensor's line in the header.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    range: Range<usize>,
}

impl Weights {
    /// Reads a weight file.
    ///
    /// # Errors
    /// The file can't be read, or is not a converted weight file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |error| Error::Unreadable { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let length = usize::try_from(length).map_err(|_| Error::not_weights(format!("it has {length} bytes")))?;
        let mut pages = Pages::new(length).map_err(Error::Engine)?;
        file.read_exact(&mut pages).map_err(unreadable)?;
        Self::new(Bytes::Pages(pages))
    }

    /// Copies a weight file out of `bytes` into pages of its own.
    ///
    /// # Errors
    /// It is not a converted weight file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut pages = Pages::new(bytes.len()).map_err(Error::Engine)?;
        pages.copy_from_slice(bytes);
        Self::new(Bytes::Pages(pages))
    }

    /// A weight file that is part of the program, `include_bytes!` for one.
    ///
    /// # Errors
    /// It is not a converted weight file.
    pub fn from_static(bytes: &'static [u8]) -> Result<Self, Error> {
        Self::new(Bytes::Static(bytes))
    }

    fn new(bytes: Bytes) -> Result<Self, Error> {
        let (header_length, header) =
            SafeTensors::read_metadata(bytes.get()).map_err(|error| Error::not_weights(error.to_string()))?;
        let data_start = header_length + size_of::<u64>();
        let metadata: BTreeMap<String, String> =
            header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        let found = |key: &str| metadata.get(key).map_or("none", String::as_str);
        for (key, expected) in [("format", FORMAT), ("format_version", FORMAT_VERSION)] {
            if found(key) != expected {
                return Err(Error::not_weights(format!("{key} is {}, expected {expected}", found(key))));
            }
        }
        let class_names: Vec<String> = serde_json::from_str(found("names"))
            .map_err(|error| Error::not_weights(format!("names in its metadata: {error}")))?;
        let tensors = header
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (start, end) = info.data_offsets;
                let entry =
                    Entry { dtype: info.dtype, shape: info.shape.clone(), range: data_start + start..data_start + end };
                (name, entry)
            })
            .collect();
        Ok(Self { bytes, tensors, metadata, class_names })
    }

    /// What detections' class numbers mean.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// What the converter wrote beside the tensors: `variant`, `source_sha256`, `source_lineage` and so on.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Height and width in pixels that the checkpoint was trained at, where it says so.
    pub fn trained_size(&self) -> Option<[usize; 2]> {
        let size: serde_json::Value = serde_json::from_str(self.metadata.get("imgsz")?).ok()?;
        let pixels = |value: &serde_json::Value| value.as_u64().and_then(|pixels| usize::try_from(pixels).ok());
        match &size {
            serde_json::Value::Array(sides) => Some([pixels(sides.first()?)?, pixels(sides.get(1)?)?]),
            side => pixels(side).map(|side| [side, side]),
        }
    }

    /// The type that the tensors are stored in, as safetensors names it.
    pub fn stored_dtype(&self) -> String {
        let mut dtypes: Vec<String> = self.tensors.values().map(|entry| entry.dtype.to_string()).collect();
        dtypes.sort();
        dtypes.dedup();
        dtypes.join(", ")
    }

    /// The tensor of this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.tensors.get(key)
    }

    /// Whether any key begins with `prefix`.
    pub(crate) fn has(&self, prefix: &str) -> bool {
        let mut from = self.tensors.range(prefix.to_owned()..);
        from.next().is_some_and(|(key, _)| key.starts_with(prefix))
    }

    pub(crate) fn sppf_activation(&self) -> Result<Activation, Error> {
        match self.metadata.get("sppf_activation").map(String::as_str) {
            Some("silu") => Ok(Activation::Silu),
            Some("identity") => Ok(Activation::Identity),
            other => Err(Error::not_weights(format!(
                "sppf_activation is {}, expected silu or identity",
                other.unwrap_or("none")
            ))),
        }
    }

    /// Writes the tensor `name` into `values`, which has its length.
    pub(crate) fn read(&self, name: &str, values: &mut [f32]) {
        let entry = &self.tensors[name];
        let bytes = &self.bytes.get()[entry.range.clone()];
        match entry.dtype {
            Dtype::F32 => fill(values, bytes, f32::from_le_bytes),
            Dtype::F16 => fill(values, bytes, |pair| f16::from_le_bytes(pair).to_f32()),
            Dtype::BF16 => fill(values, bytes, |pair| bf16::from_le_bytes(pair).to_f32()),
            other => unreachable!("{name} was accepted as {other}"),
        }
    }

    /// Strictness' second half: every tensor of the file belongs to `network`.
    pub(crate) fn expect_all_used(&self, network: &Network) -> Result<(), Error> {
        let paths = ParameterPaths::of(network);
        let mut used: Vec<&str> = paths.iter().collect();
        used.sort_unstable();
        let unused: Vec<&str> =
            self.tensors.keys().map(String::as_str).filter(|name| used.binary_search(name).is_err()).collect();
        match unused.len() {
            0 => Ok(()),
            count => {
                let mut names = unused[..count.min(NAMES_LISTED)].join(", ");
                if count > NAMES_LISTED {
                    names += &format!(" and {} more", count - NAMES_LISTED);
                }
                Err(Error::UnusedTensors { names })
            }
        }
    }
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Pages(pages) => pages,
        }
    }
}

fn fill<const N: usize>(values: &mut [f32], bytes: &[u8], decode: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks::<N>();
    for (value, element) in values.iter_mut().zip(elements) {
        *value = decode(*element);
    }
}
