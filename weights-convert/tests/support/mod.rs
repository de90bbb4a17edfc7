//! Checkpoints made on the spot: a small pickle and zip writer, networks of all six topologies at tiny
//! widths, and a naive conversion to compare with. Nothing here shares code with the converter.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod forms;
pub mod naive;
pub mod network;
pub mod pickle;

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};
use weights_convert::{Converted, Options, convert_bytes};

/// Converts with default options; the test fails with the converter's message.
pub fn converted(file: Vec<u8>) -> Converted {
    convert_bytes(file, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The message of a conversion that must fail.
pub fn message(file: Vec<u8>) -> String {
    match convert_bytes(file, &Options::default()) {
        Ok(converted) => panic!("converted: {:?}", converted.summary),
        Err(error) => line(error),
    }
}

/// The line that a program prints of an error: its text and those of its sources.
pub fn line(error: weights_convert::Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

/// Shape and values of every tensor of a converted file.
pub fn tensors(file: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let file = SafeTensors::deserialize(file).expect("a converted file is safetensors");
    let values = |view: &safetensors::tensor::TensorView<'_>| match view.dtype() {
        Dtype::F32 => view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect(),
        Dtype::F16 => view.data().as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f64()).collect(),
        other => panic!("stored as {other}"),
    };
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), values(&view)))).collect()
}

/// The string map of a safetensors file.
pub fn metadata(file: &[u8]) -> BTreeMap<String, String> {
    let (_, header) = SafeTensors::read_metadata(file).expect("a converted file is safetensors");
    header.metadata().clone().unwrap_or_default().into_iter().collect()
}
