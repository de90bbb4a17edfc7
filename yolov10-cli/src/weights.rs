//! Loads weights of any form.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use weights_convert::Options;
use yolov10_model::Weights;

use crate::digest::sha256;
use crate::{demo, release};

/// The name in messages of the weights at a path, or of the built-in ones.
pub fn name_of(path: Option<&Path>) -> String {
    path.map_or(demo::WEIGHTS_NAME.to_owned(), |path| path.display().to_string())
}

/// Reads weights in any form, converting them as `options` say if necessary; without a path, the built-in ones.
pub fn load(path: Option<&Path>, options: &Options) -> Result<Arc<Weights>> {
    let weights = match path {
        None if options.names.is_none() => Weights::from_static(demo::WEIGHTS)?,
        None => {
            let renamed = weights_convert::convert_bytes(demo::WEIGHTS.to_vec(), options);
            Weights::from_bytes(&renamed.context(demo::WEIGHTS_NAME)?.bytes)?
        }
        Some(path) => open(path, options)?,
    };
    Ok(Arc::new(weights))
}

fn open(path: &Path, options: &Options) -> Result<Weights> {
    let found = release::find(path)?;
    let path = found.as_deref().unwrap_or(path);
    read(path, options).with_context(|| path.display().to_string())
}

/// The SHA-256 of a weight file, or of the built-in weights, in hexadecimal.
pub fn digest(path: Option<&Path>) -> Result<String> {
    let Some(path) = path else {
        return Ok(sha256(&mut &*demo::WEIGHTS)?);
    };
    let found = release::find(path)?;
    let path = found.as_deref().unwrap_or(path);
    let digest = File::open(path).and_then(|mut file| sha256(&mut file));
    digest.with_context(|| path.display().to_string())
}

/// The type of the numbers in the file; if it had to be converted, that of the source.
pub fn dtype_in_file(path: Option<&Path>, weights: &Weights) -> Result<String> {
    let Some(path) = path else {
        return Ok(weights.stored_dtype());
    };
    let found = release::find(path)?;
    let is_converted = weights_convert::is_converted(found.as_deref().unwrap_or(path))?;
    let source = weights.metadata().get("source_dtype").filter(|_| !is_converted);
    Ok(source.cloned().unwrap_or_else(|| weights.stored_dtype()))
}

/// A converted file is read straight into place; every other form is converted in memory first, and so is one that gets
/// other class names.
fn read(path: &Path, options: &Options) -> Result<Weights> {
    if options.names.is_none() && weights_convert::is_converted(path)? {
        return Ok(Weights::open(path)?);
    }
    let converted = weights_convert::convert(path, options)?;
    Ok(Weights::from_bytes(&converted.bytes)?)
}
