//! A converted file: its bytes, the same for the same source, and its way to disk.
//!
//! The safetensors crate writes metadata in the order of a hash map, which differs from run to run.
//! The header is therefore written here, in the order of the network; the crate reads and checks
//! it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use half::f16;
use safetensors::{Dtype, tensor::TensorInfo};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Converted, DType, error::Error, fold::Folded, limits, network::Plan};

/// safetensors aligns the first tensor.
const ALIGNMENT: usize = 8;

/// A file in the making: the header is complete, tensors follow in its order.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    dtype: DType,
}

struct Header<'a> {
    metadata: &'a BTreeMap<&'static str, String>,
    tensors: Vec<(String, TensorInfo)>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("__metadata__", self.metadata)?;
        for (name, info) in &self.tensors {
            map.serialize_entry(name, info)?;
        }
        map.end()
    }
}

impl Writer {
    /// Takes the memory of the whole file, if a source of `source_length` bytes can need so much.
    pub(crate) fn new(
        plan: &Plan,
        metadata: &BTreeMap<&'static str, String>,
        dtype: DType,
        source_length: usize,
    ) -> Result<Self, Error> {
        let stored = match dtype {
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
        };
        let mut tensors = Vec::with_capacity(2 * plan.convolutions.len());
        let mut end = 0_usize;
        for convolution in &plan.convolutions {
            let parts = [("weight", convolution.shape.to_vec()), ("bias", vec![convolution.shape[0]])];
            for (part, shape) in parts {
                let start = end;
                let bytes = shape.iter().fold(dtype.bytes(), |bytes, length| bytes.saturating_mul(*length));
                end = start.saturating_add(bytes);
                let info = TensorInfo { dtype: stored, shape, data_offsets: (start, end) };
                tensors.push((format!("{}.{part}", convolution.target), info));
            }
        }
        limits::check("bytes of the converted file", end as u64, limits::growth(source_length))?;
        let header = serde_json::to_vec(&Header { metadata, tensors }).expect("strings and numbers are JSON");
        let header_length = header.len().next_multiple_of(ALIGNMENT);
        let mut bytes = Vec::with_capacity(size_of::<u64>() + header_length + end);
        bytes.extend((header_length as u64).to_le_bytes());
        bytes.extend(header);
        bytes.resize(size_of::<u64>() + header_length, b' ');
        Ok(Self { bytes, dtype })
    }

    /// Appends a convolution's weight and bias.
    pub(crate) fn append(&mut self, target: &str, folded: &Folded) -> Result<(), Error> {
        for (part, values) in [("weight", &folded.weight), ("bias", &folded.bias)] {
            for value in values {
                let fits = match self.dtype {
                    DType::F32 => {
                        let rounded = *value as f32;
                        self.bytes.extend(rounded.to_le_bytes());
                        rounded.is_finite()
                    }
                    DType::F16 => {
                        let rounded = f16::from_f64(*value);
                        self.bytes.extend(rounded.to_le_bytes());
                        rounded.is_finite()
                    }
                };
                if !fits {
                    let (tensor, dtype) = (format!("{target}.{part}"), self.dtype.name());
                    return Err(Error::Value { tensor, value: *value, dtype });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Where the result of converting `input` goes: to the file asked for, or else beside the input, under its name with
/// `.safetensors`. Never onto the input.
pub fn output_path(input: &Path, wanted: Option<&Path>) -> Result<PathBuf, Error> {
    let path = wanted.map_or_else(|| input.with_extension("safetensors"), Path::to_owned);
    // Links followed, if both exist.
    let is_same_file = matches!((path.canonicalize(), input.canonicalize()), (Ok(one), Ok(other)) if one == other);
    if path == input || is_same_file {
        return Err(Error::OutputIsInput { path });
    }
    Ok(path)
}

/// Writes a converted file beside `path` and renames it: `path` is the old file or the new one,
/// never a part.
pub fn write(converted: &Converted, path: &Path) -> Result<(), Error> {
    replace(path, &converted.bytes).map_err(|error| Error::Write { path: path.to_owned(), error })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Asked first: where there is no folder, a temporary file's error would name the temporary file.
    folder.metadata()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weights-convert-");
    // Temporary files are private by default; a result has the rights that the umask gives.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // Removed when dropped, unless it is renamed.
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself is durable once the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
