//! From a file to a converted file in memory: the container is recognised, the rest is in the other
//! modules.

use std::{fmt, fs, path::Path};

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use crate::{
    error::Error,
    fold,
    limits::{self, MAX_FILE},
    metadata::{self, FORMAT, Summary},
    network::{self, BOX_DISTRIBUTION, REG_MAX},
    torch::{Archive, Checkpoint, Pickle},
    write::Writer,
};

/// How a checkpoint is converted. A file that is converted already is passed through as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How the weights are stored.
    pub dtype: DType,
    /// Also keeps the head that needs non-maximum suppression, as `head.one_to_many`.
    pub keep_one_to_many: bool,
}

/// An element type of converted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DType {
    /// 32 bits, the default.
    #[default]
    F32,
    /// 16 bits; a weight beyond its range is an error.
    F16,
}

impl DType {
    /// `f32` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            DType::F32 => size_of::<f32>(),
            DType::F16 => size_of::<half::f16>(),
        }
    }
}

/// A converted file in memory.
#[derive(Debug)]
pub struct Converted {
    /// The whole safetensors file.
    pub bytes: Vec<u8>,
    /// What it holds.
    pub summary: Summary,
}

impl fmt::Display for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { variant, classes, parameters, tensors, dtype, lineage, .. } = &self.summary;
        let (classes, dtype) = (classes.len(), dtype.name());
        let megabytes = self.bytes.len() as f64 / 1e6;
        write!(
            f,
            "YOLOv10 {variant}, {classes} classes, {parameters} parameters, {tensors} tensors, {dtype}, \
             {megabytes:.1} MB, from {lineage}"
        )
    }
}

/// Reads any weights file (`.pt`, safetensors with PyTorch's names, or an already converted file).
/// Errors do not name the file: the caller knows it.
pub fn convert(path: &Path, options: &Options) -> Result<Converted, Error> {
    let length = fs::metadata(path).map_err(Error::Read)?.len();
    limits::check("bytes of the file", length, MAX_FILE)?;
    convert_bytes(fs::read(path).map_err(Error::Read)?, options)
}

/// The same for a file in memory; taken by value, so that a converted one is passed through without
/// a copy.
pub fn convert_bytes(bytes: Vec<u8>, options: &Options) -> Result<Converted, Error> {
    if bytes.starts_with(ZIP_MAGIC) {
        let archive = Archive::open(&bytes)?;
        let pickle = Pickle::parse(archive.pickle())?;
        let checkpoint = Checkpoint::from_pickle(&pickle, &archive)?;
        return fold_all(&checkpoint, &bytes, options);
    }
    if bytes.get(SAFETENSORS_BRACE) == Some(&b'{') {
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(Error::Safetensors)?;
        let format = header.metadata().as_ref().and_then(|entries| entries.get("format"));
        if format.is_some_and(|format| format == FORMAT) {
            return Ok(Converted { summary: Summary::read(&header)?, bytes });
        }
        let file = SafeTensors::deserialize(&bytes).map_err(Error::Safetensors)?;
        return fold_all(&Checkpoint::from_safetensors(&file)?, &bytes, options);
    }
    if bytes.starts_with(OLD_TORCH_MAGIC) {
        return Err(Error::OldTorchFile);
    }
    let start = &bytes[..bytes.len().min(SHOWN_START)];
    Err(Error::NotACheckpoint { start: start.escape_ascii().to_string() })
}

/// The first local file header of a zip.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// Where safetensors has the first byte of its header, after the header's length.
const SAFETENSORS_BRACE: usize = 8;

/// The pickled number that files before torch 1.6 start with.
const OLD_TORCH_MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// Bytes of an unknown file that its error shows.
const SHOWN_START: usize = 16;

fn fold_all(source: &Checkpoint<'_>, file: &[u8], options: &Options) -> Result<Converted, Error> {
    let plan = network::plan(source, options.keep_one_to_many)?;
    check_distribution(source)?;
    let sha256 = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let metadata = metadata::describe(source, &plan, &sha256)?;
    let mut writer = Writer::new(&plan, &metadata, options.dtype, file.len())?;
    for convolution in &plan.convolutions {
        writer.append(&convolution.target, &fold::fold(source, convolution)?)?;
    }
    let bytes = writer.finish();
    // Read back with the crate that loaders use: what it refuses must not reach a disk.
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(Error::Safetensors)?;
    Ok(Converted { summary: Summary::read(&header)?, bytes })
}

/// The box distribution's bins are 0 to 15; the model has them as numbers, so other ones would be
/// lost.
fn check_distribution(source: &Checkpoint<'_>) -> Result<(), Error> {
    let tensor = BOX_DISTRIBUTION.to_owned();
    let Some(weight) = source.tensors.get(&tensor) else {
        return Ok(());
    };
    let expected = [1, REG_MAX, 1, 1];
    if weight.shape() != expected {
        return Err(Error::Shape { tensor, expected: expected.to_vec(), found: weight.shape().to_vec() });
    }
    let values = weight.values(&tensor)?;
    match values.iter().enumerate().find(|(index, value)| **value != *index as f64) {
        Some((index, found)) => Err(Error::Distribution { tensor, index, expected: index as f64, found: *found }),
        None => Ok(()),
    }
}

/// Runs the pickle machine alone, for the fuzz target.
#[doc(hidden)]
pub fn check_pickle(bytes: &[u8]) -> Result<(), Error> {
    Pickle::parse(bytes).map(drop)
}
