//! Checkpoints to safetensors.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yolo10_burn::convert::{DType, Error, Heads, Options, output_path, write};

use crate::errors;

/// Converts a checkpoint; says where the result is.
#[pyfunction]
pub fn convert(
    py: Python<'_>,
    weights: PathBuf,
    output: Option<PathBuf>,
    dtype: &str,
    one2one_only: bool,
    names: Option<Vec<String>>,
) -> PyResult<PathBuf> {
    let dtype = match dtype {
        "f32" => DType::F32,
        "f16" => DType::F16,
        other => return Err(PyValueError::new_err(format!("dtype: expected f32 or f16, found {other}"))),
    };
    let heads = if one2one_only { Heads::OneToOne } else { Heads::Both };
    let result = py.detach(|| converted(&weights, output.as_deref(), &Options { dtype, heads, names }));
    result.map_err(|error| errors::of_checkpoint(&weights.display().to_string(), error))
}

fn converted(input: &Path, output: Option<&Path>, options: &Options) -> Result<PathBuf, Error> {
    let output = output_path(input, output)?;
    write(&yolo10_burn::convert::convert(input, options)?, &output)?;
    Ok(output)
}
