//! From a file to a converted file in memory: recognises the container; the rest is in the other modules.

use std::{collections::BTreeMap, fmt, path::Path};

use safetensors::{SafeTensors, tensor::Metadata};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    container::{self, Container},
    error::Error,
    fold,
    format::FORMAT,
    metadata::{self, Summary},
    network::{self, BOX_DISTRIBUTION, REG_MAX},
    options::Options,
    torch::{Archive, Checkpoint, unpickle},
    write::{self, Writer},
};

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
        let Summary { variant, classes, parameters, tensors, dtype, lineage, one_to_many, .. } = &self.summary;
        let (classes, dtype) = (classes.len(), dtype.name());
        let heads = if *one_to_many { "both heads" } else { "one-to-one head" };
        let megabytes = self.bytes.len() as f64 / 1e6;
        write!(
            f,
            "YOLOv10 {variant}, {classes} classes, {parameters} parameters, {tensors} tensors, {dtype}, {heads}, \
             {megabytes:.1} MB, from {lineage}"
        )
    }
}

/// Converts any weight file (`.pt`, safetensors with PyTorch's names, or a file that is already converted).
///
/// # Errors
/// The file can't be read or is not a YOLOv10 checkpoint. Errors do not name the file, which the caller knows.
pub fn convert(path: &Path, options: &Options) -> Result<Converted, Error> {
    convert_bytes(container::read(path)?, options)
}

/// The same for a file in memory; taken by value, so that a converted one is passed through without a copy.
///
/// # Errors
/// The bytes are not a YOLOv10 checkpoint.
pub fn convert_bytes(bytes: Vec<u8>, options: &Options) -> Result<Converted, Error> {
    match container::recognize(&bytes)? {
        Container::Zip => {
            let archive = Archive::open(&bytes)?;
            let pickle = unpickle(archive.pickle())?;
            let checkpoint = Checkpoint::from_pickle(&pickle, &archive)?;
            fold_all(&checkpoint, &bytes, options)
        }
        Container::Safetensors => {
            let (header_length, header) = SafeTensors::read_metadata(&bytes).map_err(Error::Safetensors)?;
            let format = header.metadata().as_ref().and_then(|entries| entries.get("format"));
            if format.is_some_and(|format| format == FORMAT) {
                let summary = Summary::read(&header)?;
                return match &options.names {
                    Some(names) => rename(&bytes, header_length, &header, summary, names),
                    None => Ok(Converted { summary, bytes }),
                };
            }
            let file = SafeTensors::deserialize(&bytes).map_err(Error::Safetensors)?;
            fold_all(&Checkpoint::from_safetensors(&file)?, &bytes, options)
        }
    }
}

/// A converted file with other class names.
fn rename(
    file: &[u8],
    header_length: usize,
    header: &Metadata,
    summary: Summary,
    names: &[String],
) -> Result<Converted, Error> {
    if names.len() != summary.classes.len() {
        return Err(Error::ClassNames { expected: summary.classes.len(), found: names.len() });
    }
    let entries = header.metadata().iter().flatten();
    let mut metadata: BTreeMap<&str, String> = entries.map(|(key, value)| (key.as_str(), value.clone())).collect();
    metadata.insert("names", json!(names).to_string());
    let bytes = write::with_metadata(file, size_of::<u64>() + header_length, header, &metadata);
    Ok(Converted { bytes, summary: Summary { classes: names.to_vec(), ..summary } })
}

fn fold_all(source: &Checkpoint<'_>, file: &[u8], options: &Options) -> Result<Converted, Error> {
    let plan = network::plan(source, options.heads)?;
    check_distribution(source)?;
    let sha256 = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let metadata = metadata::describe(source, &plan, &sha256, options.names.as_deref())?;
    let mut writer = Writer::new(&plan, &metadata, options.dtype, file.len())?;
    for convolution in &plan.convolutions {
        writer.append(&convolution.target, &fold::fold(source, convolution)?)?;
    }
    let bytes = writer.finish();
    // Read back with the crate that loaders use: nothing that it refuses may reach a disk.
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(Error::Safetensors)?;
    Ok(Converted { summary: Summary::read(&header)?, bytes })
}

/// Checks that the bins of the box distribution are 0 to 15: the model has these as numbers, so any others would be lost.
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
    unpickle(bytes).map(drop)
}
