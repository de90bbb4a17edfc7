//! Which weights to run, and how: made from a command's options, makes the detector.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use weights_convert::Heads;
use yolov10_model::selection::Assignment;
use yolov10_model::{Detector, Device, Error, Options, Weights};

use crate::{message, release, weights};

/// The note to print if [`Detector::graphs_refused`].
pub const GRAPHS_REFUSED: &str = "the device refused to hold the network as a graph: it runs kernel by kernel, slower";

/// Which weights, and how they run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// A file, or a variant's name; the built-in demo if `None`.
    pub weights: Option<PathBuf>,
    /// Names for the classes; those of the weights if `None`.
    pub names: Option<Vec<String>>,
    /// Where to keep a GPU's kernels; in the program's cache if `None`.
    pub cache: Option<PathBuf>,
    /// How they run.
    pub options: Options,
}

impl Setup {
    /// The name of the weights in messages.
    pub fn weights_name(&self) -> String {
        weights::name_of(self.weights.as_deref())
    }

    /// Loads the weights, with the heads that the options ask for.
    pub fn load_weights(&self) -> Result<Arc<Weights>> {
        let heads = match self.options.selection.assignment {
            Assignment::OneToOne => Heads::OneToOne,
            Assignment::OneToMany(_) => Heads::Both,
        };
        let names = self.names.clone();
        let options = weights_convert::Options { heads, names, ..weights_convert::Options::default() };
        weights::load(self.weights.as_deref(), &options)
    }

    /// Makes a detector. It has its own copy of the weights, so dropping them gives their memory back.
    pub fn detector(&self, weights: &Arc<Weights>) -> Result<Detector> {
        let Options { device, input, .. } = self.options;
        if let Some(size) = input.filter(|size| *size != size.to_stride()) {
            let raised = size.to_stride();
            message::note(format_args!("input size {size}: rounded up to {raised}, multiples of 32"));
        }
        keep_kernels(device, self.cache.clone())?;
        Detector::new(weights, &self.options).map_err(|error| match error {
            Error::NotBuiltIn { .. }
            | Error::DeviceUnavailable { .. }
            | Error::DeviceFailed { .. }
            | Error::DeviceOutOfMemory { .. }
            | Error::PrecisionUnsupported { .. }
            | Error::Engine(_) => error.into(),
            of_weights => anyhow!(of_weights).context(self.weights_name()),
        })
    }
}

/// The folder for a GPU's kernels: `folder`, or one in the program's cache.
pub fn kernel_folder(folder: Option<PathBuf>) -> Option<PathBuf> {
    folder.or_else(|| Some(release::cache_folder()?.join("kernels")))
}

/// Keeps a GPU's kernels in `folder`, or in the program's cache. If there are none yet, prints where they go, and that
/// compiling takes time.
pub fn keep_kernels(device: Device, folder: Option<PathBuf>) -> Result<()> {
    let file = device.keep_kernels(kernel_folder(folder).as_deref())?;
    let Some(file) = file.filter(|file| !file.exists()) else {
        return Ok(());
    };
    let folder = file.parent().expect("a file is in a folder");
    // The device's cache silently keeps nothing if it can't write, so check here.
    let kept = match fs::create_dir_all(folder) {
        Ok(()) => format!(", once for this GPU; they are kept in {}", file.display()),
        Err(error) => format!("; they cannot be kept in {}: {error}", folder.display()),
    };
    message::note(format_args!("{device}: compiling kernels{kept}"));
    Ok(())
}
