//! The bytes of a converted file, always the same for the same source.
//!
//! The safetensors crate writes metadata in the order of a hash map, which differs from run to run. So the header is written
//! here, in the order of the network; the crate then reads and checks it.

use std::collections::BTreeMap;

use half::f16;
use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{error::Error, fold::Folded, limits, network::Plan, options::DType};

/// safetensors aligns the first tensor.
const ALIGNMENT: usize = 8;

/// A file that is being written: the header is complete, tensors follow in its order.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    dtype: DType,
}

struct Header<'a> {
    metadata: &'a BTreeMap<&'a str, String>,
    tensors: Vec<(String, TensorInfo)>,
}

impl Header<'_> {
    /// The file up to its first tensor, with room for `data` bytes more.
    fn write(&self, data: usize) -> Vec<u8> {
        let header = serde_json::to_vec(self).expect("strings and numbers are JSON");
        let header_length = header.len().next_multiple_of(ALIGNMENT);
        let mut bytes = Vec::with_capacity(size_of::<u64>() + header_length + data);
        bytes.extend((header_length as u64).to_le_bytes());
        bytes.extend(header);
        bytes.resize(size_of::<u64>() + header_length, b' ');
        bytes
    }
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
    /// Allocates memory for the whole file, if a source of `source_length` bytes can need that much.
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
        Ok(Self { bytes: Header { metadata, tensors }.write(end), dtype })
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

/// A converted file with other metadata; its tensors are the bytes of `file` from `data_start` on.
pub(crate) fn with_metadata(
    file: &[u8],
    data_start: usize,
    header: &Metadata,
    metadata: &BTreeMap<&str, String>,
) -> Vec<u8> {
    let tensors = header.offset_keys().into_iter().filter_map(|name| Some((header.info(&name)?.clone(), name)));
    let tensors = tensors.map(|(info, name)| (name, info)).collect();
    let data = &file[data_start..];
    let mut bytes = Header { metadata, tensors }.write(data.len());
    bytes.extend(data);
    bytes
}
