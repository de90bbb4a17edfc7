//! From Python's keywords to weights and options.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use yolo10_burn::convert::{self, Heads, is_converted};
use yolo10_burn::letterbox::Fit;
use yolo10_burn::options::{CpuOptions, Isa};
use yolo10_burn::selection::{Assignment, Suppression};
use yolo10_burn::{Device, Options, Selection, Size, Weights};

use crate::errors;

/// The keywords of a detector, as `yolo10_burn.Detector` has them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Keywords {
    weights: Option<PathBuf>,
    device: String,
    conf: f32,
    imgsz: Option<Side>,
    memory_limit: Option<usize>,
    max_det: usize,
    classes: Option<Vec<Class>>,
    rect: bool,
    head: String,
    iou: f32,
    agnostic_nms: bool,
    dtype: Option<String>,
    threads: Option<usize>,
    isa: Option<String>,
    exact: bool,
}

/// An input's side, or its height and width.
#[derive(Clone, Copy, FromPyObject)]
enum Side {
    One(usize),
    Two((usize, usize)),
}

/// A class by its number or its name.
#[derive(FromPyObject)]
enum Class {
    Number(usize),
    Name(String),
}

impl Keywords {
    /// The weights in whatever form they are, with the head that is asked for.
    pub fn weights(&self) -> PyResult<Arc<Weights>> {
        let weights = match &self.weights {
            None => Weights::from_static(yolo10_burn_demo::WEIGHTS).map_err(errors::of_model)?,
            Some(path) => read(path, &self.head)?,
        };
        Ok(Arc::new(weights))
    }

    /// How a detector of these classes is made; warns where `auto` is not what it might have been.
    pub fn options(&self, py: Python<'_>, class_names: &[String]) -> PyResult<Options> {
        let classes = self.classes.as_ref().map(|classes| numbers(classes, class_names)).transpose()?;
        Ok(Options {
            device: self.device(py)?,
            input: self.imgsz.map(|side| match side {
                Side::One(side) => Size::square(side),
                Side::Two((height, width)) => Size { height, width },
            }),
            fit: if self.rect { Fit::Minimal } else { Fit::Full },
            selection: Selection {
                confidence: share("conf", self.conf)?,
                max_detections: count("max_det", self.max_det)?.get(),
                classes,
                assignment: self.assignment()?,
            },
            precision: self.dtype.as_deref().map(str::parse).transpose().map_err(errors::of_model)?,
            cpu: CpuOptions {
                threads: self.threads.map(|threads| count("threads", threads)).transpose()?,
                isa: self.isa.as_deref().map(isa).transpose()?,
                exact: self.exact,
                memory_limit: self.memory_limit,
            },
        })
    }

    fn device(&self, py: Python<'_>) -> PyResult<Device> {
        if self.device != "auto" {
            return self.device.parse().map_err(errors::of_model);
        }
        let (device, missing) = Device::auto();
        if let Some(missing) = missing {
            let message = format!("{missing}: computing on {device}");
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &std::ffi::CString::new(message)?, 2)?;
        }
        Ok(device)
    }

    fn assignment(&self) -> PyResult<Assignment> {
        match &*self.head {
            "one2one" => Ok(Assignment::OneToOne),
            "one2many" => Ok(Assignment::OneToMany(Suppression {
                iou: share("iou", self.iou)?,
                class_agnostic: self.agnostic_nms,
                ..Suppression::default()
            })),
            other => Err(PyValueError::new_err(format!("head: expected one2one or one2many, found {other}"))),
        }
    }
}

/// A converted file is read straight into its place, every other form is converted in memory first.
fn read(path: &Path, head: &str) -> PyResult<Weights> {
    let name = path.display().to_string();
    let of_checkpoint = |error| errors::of_checkpoint(&name, error);
    if is_converted(path).map_err(of_checkpoint)? {
        return Weights::open(path).map_err(errors::of_model);
    }
    let heads = if head == "one2many" { Heads::Both } else { Heads::OneToOne };
    let options = convert::Options { heads, ..convert::Options::default() };
    let converted = convert::convert(path, &options).map_err(of_checkpoint)?;
    Weights::from_bytes(&converted.bytes).map_err(errors::of_model)
}

fn numbers(classes: &[Class], names: &[String]) -> PyResult<Vec<usize>> {
    let number = |class: &Class| {
        let (number, said) = match class {
            Class::Number(number) => (Some(*number).filter(|number| *number < names.len()), number.to_string()),
            Class::Name(name) => (names.iter().position(|known| known.eq_ignore_ascii_case(name)), name.clone()),
        };
        let last = names.len().saturating_sub(1);
        number.ok_or_else(|| {
            PyValueError::new_err(format!(
                "classes: expected numbers from 0 to {last} or names of the weights, found {said}"
            ))
        })
    };
    classes.iter().map(number).collect()
}

fn share(name: &str, value: f32) -> PyResult<f32> {
    let is_share = (0.0..=1.0).contains(&value);
    let error = || PyValueError::new_err(format!("{name}: expected a number from 0 to 1, found {value}"));
    is_share.then_some(value).ok_or_else(error)
}

fn count(name: &str, value: usize) -> PyResult<NonZeroUsize> {
    NonZeroUsize::new(value).ok_or_else(|| PyValueError::new_err(format!("{name}: expected 1 or more, found {value}")))
}

fn isa(name: &str) -> PyResult<Isa> {
    name.parse().map_err(|error| PyValueError::new_err(format!("isa: {error}")))
}
