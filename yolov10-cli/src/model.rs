//! Weights in memory, whatever form they have on disk, and detectors made of them.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use yolov10_model::letterbox::Fit;
use yolov10_model::selection::Assignment;
use yolov10_model::{Detector, Device, Error, Options, Selection, Size, Weights};

use crate::engine_args::KernelArgs;
use crate::{demo, message, release};

/// What to say of a detector whose [`Detector::graphs_refused`] is true.
pub const GRAPHS_REFUSED: &str = "the device refused to hold the network as a graph: it runs kernel by kernel, slower";

/// Which weights, and how they run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// A file, or a variant's name; the built-in demo if `None`.
    pub weights: Option<PathBuf>,
    /// The largest input, in pixels; what the weights were trained at if `None`.
    pub input: Option<Size>,
    /// How much of it a picture gets.
    pub fit: Fit,
    /// Where to compute.
    pub device: Device,
    /// Where a GPU's kernels are kept; in the program's cache if `None`.
    pub cache: Option<PathBuf>,
    /// Threads of the CPU engine; as many as it finds best if `None`.
    pub threads: Option<NonZeroUsize>,
    /// Most bytes of weights and workspace together, on the CPU engine.
    pub memory_limit: Option<usize>,
    /// How the CPU engine computes.
    pub kernels: KernelArgs,
    /// The head that finds the objects.
    pub assignment: Assignment,
}

impl Setup {
    /// What messages call the weights.
    pub fn weights_name(&self) -> String {
        name_of(self.weights.as_deref())
    }

    /// The weights.
    pub fn load_weights(&self) -> Result<Arc<Weights>> {
        let options = weights_convert::Options {
            keep_one_to_many: self.assignment != Assignment::OneToOne,
            ..weights_convert::Options::default()
        };
        load(self.weights.as_deref(), &options)
    }

    /// A detector of these weights. It has its own copy: who drops the weights gets their memory back.
    pub fn detector(&self, weights: &Arc<Weights>, selection: Selection) -> Result<Detector> {
        if let Some(size) = self.input.filter(|size| *size != size.to_stride()) {
            let raised = size.to_stride();
            message::note(format_args!("input size {size}: raised to {raised}, the next multiples of 32"));
        }
        let KernelArgs { isa, dtype, exact } = self.kernels;
        let mut options = Options {
            device: self.device,
            precision: dtype,
            input: self.input,
            fit: self.fit,
            selection: Selection { assignment: self.assignment, ..selection },
            ..Options::default()
        };
        options.cpu.threads = self.threads;
        options.cpu.memory_limit = self.memory_limit;
        options.cpu.isa = isa;
        options.cpu.exact = exact;
        keep_kernels(self.device, self.cache.clone())?;
        Detector::new(weights, &options).map_err(|error| match error {
            Error::NotBuiltIn { .. }
            | Error::DeviceUnavailable { .. }
            | Error::PrecisionUnsupported { .. }
            | Error::Engine(_) => error.into(),
            of_weights => anyhow!(of_weights).context(self.weights_name()),
        })
    }
}

/// Has a GPU's kernels kept in `folder`, or in the program's cache; says where, and that they take time when there are
/// none yet.
pub fn keep_kernels(device: Device, folder: Option<PathBuf>) -> Result<()> {
    let folder = folder.or_else(|| Some(release::cache_folder()?.join("kernels")));
    let file = device.keep_kernels(folder.as_deref())?;
    let Some(file) = file.filter(|file| !file.exists()) else {
        return Ok(());
    };
    let folder = file.parent().expect("a file is in a folder");
    // The device's own cache does without where it cannot write, and says nothing.
    let kept = match fs::create_dir_all(folder) {
        Ok(()) => format!(", once for this GPU; they are kept in {}", file.display()),
        Err(error) => format!("; they cannot be kept in {}: {error}", folder.display()),
    };
    message::note(format_args!("{device}: compiling and tuning kernels{kept}"));
    Ok(())
}

/// What messages call the weights at a path, or the built-in ones.
pub fn name_of(path: Option<&Path>) -> String {
    path.map_or(demo::WEIGHTS_NAME.to_owned(), |path| path.display().to_string())
}

/// Reads weights in any form, converted as `options` say where they are not yet; the built-in ones where there is
/// no path.
pub fn load(path: Option<&Path>, options: &weights_convert::Options) -> Result<Arc<Weights>> {
    let weights = match path {
        None => Weights::from_static(demo::WEIGHTS)?,
        Some(path) => open(path, options)?,
    };
    Ok(Arc::new(weights))
}

fn open(path: &Path, options: &weights_convert::Options) -> Result<Weights> {
    let found = release::find(path)?;
    let path = found.as_deref().unwrap_or(path);
    read(path, options).with_context(|| path.display().to_string())
}

/// A converted file is read straight into its place; every other form is converted in memory first.
fn read(path: &Path, options: &weights_convert::Options) -> Result<Weights> {
    if Weights::is_converted(path)? {
        return Ok(Weights::open(path)?);
    }
    let converted = weights_convert::convert(path, options)?;
    Ok(Weights::from_bytes(&converted.bytes)?)
}
