//! A weight file in memory: safetensors whose keys are the field paths of the network.
//!
//! `weights-convert` writes them. Reading is strict: every tensor of the network must be there with its shape, every tensor
//! of the file must be used, and all numbers must be finite. Nothing is copied to a device before an engine asks for it.

mod form;
mod metadata;
mod scope;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use yolov10_cpu::Pages;

pub(crate) use form::ParameterForm;
pub(crate) use metadata::Metadata;
pub(crate) use scope::Scope;

use crate::error::{Error, printable};
use crate::size::Size;

/// How many names an error lists before it only counts.
const NAMES_LISTED: usize = 10;

/// A weight file in memory, with its header parsed.
///
/// It owns the file's bytes, in separate pages that are given back when it is dropped, or borrows them from the program.
#[derive(Debug)]
pub struct Weights {
    bytes: Bytes,
    tensors: BTreeMap<String, Entry>,
    metadata: Metadata,
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
    /// Side of the input in pixels, if the checkpoint does not say.
    pub const DEFAULT_SIDE: usize = 640;

    /// Reads a weight file.
    ///
    /// # Errors
    /// The file can't be read, or is not a converted weight file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let length = usize::try_from(length).map_err(|_| Error::not_weights(format!("it has {length} bytes")))?;
        let mut pages = Pages::new(length).map_err(Error::Engine)?;
        file.read_exact(&mut pages).map_err(unreadable)?;
        Self::new(Bytes::Pages(pages))
    }

    /// Copies a weight file from `bytes` into separate pages.
    ///
    /// # Errors
    /// It is not a converted weight file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut pages = Pages::new(bytes.len()).map_err(Error::Engine)?;
        pages.copy_from_slice(bytes);
        Self::new(Bytes::Pages(pages))
    }

    /// A weight file that is part of the program, by `include_bytes!`.
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
        let entries = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
        let metadata = Metadata::new(entries.collect())?;
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
        let weights = Self { bytes, tensors, metadata };
        for (name, entry) in &weights.tensors {
            weights.check(name, entry)?;
        }
        Ok(weights)
    }

    /// What detections' class numbers mean.
    pub fn class_names(&self) -> &[String] {
        &self.metadata.class_names
    }

    /// What the converter wrote besides the tensors: `variant`, `source_sha256`, `source_lineage` and so on.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata.entries
    }

    /// The network's largest input: the size that the checkpoint was trained at, or 640x640 if it does not say. Its sides
    /// are multiples of 32 pixels.
    pub fn input_size(&self) -> Size {
        self.metadata.trained.unwrap_or(Size::square(Self::DEFAULT_SIDE)).to_stride()
    }

    /// The type in which the tensors are stored, by safetensors' name.
    pub fn stored_dtype(&self) -> String {
        let mut dtypes: Vec<String> = self.tensors.values().map(|entry| entry.dtype.to_string()).collect();
        dtypes.sort();
        dtypes.dedup();
        dtypes.join(", ")
    }

    /// Whether the head that needs non-maximum suppression is there.
    pub fn has_one_to_many_head(&self) -> bool {
        self.has("head.one_to_many.")
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

    /// Checks that a tensor's numbers have a supported type and are finite: NaN would pass through the whole network and
    /// come out as boxes that are nowhere.
    fn check(&self, name: &str, entry: &Entry) -> Result<(), Error> {
        let bytes = &self.bytes.get()[entry.range.clone()];
        let is_finite = match entry.dtype {
            Dtype::F32 => are_finite(bytes, u32::from_le_bytes, 0x7f80_0000),
            Dtype::F16 => are_finite(bytes, u16::from_le_bytes, 0x7c00),
            Dtype::BF16 => are_finite(bytes, u16::from_le_bytes, 0x7f80),
            other => return Err(Error::UnsupportedDtype { tensor: printable(name), found: other.to_string() }),
        };
        if is_finite {
            return Ok(());
        }
        let mut values = vec![0.0; entry.shape.iter().product()];
        self.read(name, &mut values);
        let first = values.iter().copied().enumerate().find(|(_, value)| !value.is_finite());
        let (element, found) = first.expect("the check has just found one");
        Err(Error::NotFinite { tensor: printable(name), found, element })
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

    /// Checks that every tensor of the file is among those that are `used`, which are in alphabetical order.
    pub(crate) fn expect_all_used(&self, used: &[&str]) -> Result<(), Error> {
        let unused: Vec<&str> =
            self.tensors.keys().map(String::as_str).filter(|name| used.binary_search(name).is_err()).collect();
        let listed = |names: &[&str]| names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
        match unused.len() {
            0 => Ok(()),
            count => {
                let mut names = listed(&unused[..count.min(NAMES_LISTED)]);
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

/// Whether no element has all bits of its exponent set. It never returns early, which makes it as fast as memory.
fn are_finite<const N: usize, T>(bytes: &[u8], decode: impl Fn([u8; N]) -> T, exponent: T) -> bool
where
    T: Copy + PartialEq + std::ops::BitAnd<Output = T>,
{
    let (elements, _) = bytes.as_chunks::<N>();
    !elements.iter().fold(false, |found, element| found | (decode(*element) & exponent == exponent))
}
