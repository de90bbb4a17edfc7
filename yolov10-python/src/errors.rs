//! Errors as exceptions: each has a class of its own name in `yolo10_burn.errors`.

use std::io;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use yolo10_burn::{Error, convert, media};

/// An exception of the class `name`.
pub fn exception(name: &str, message: impl Into<String>) -> PyErr {
    let message = message.into();
    Python::attach(|py| {
        let class = py.import("yolo10_burn.errors").and_then(|errors| errors.getattr(name));
        match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
            Ok(class) => PyErr::from_type(class, (message,)),
            Err(error) => error,
        }
    })
}

/// The detector's.
pub fn of_model(error: Error) -> PyErr {
    match error {
        Error::Unreadable { path, source } => of_file(&path.display().to_string(), source),
        error => exception(class_of(&error), Error::with_causes(&error)),
    }
}

/// A source's, with its name.
pub fn of_media(name: &str, error: media::Error) -> PyErr {
    let class = match &error {
        media::Error::Picture(error) => class_of(error),
        media::Error::Frame(_) => "NotAPicture",
        _ => "SourceError",
    };
    exception(class, format!("{name}: {}", Error::with_causes(&error)))
}

/// A checkpoint's, with its name.
pub fn of_checkpoint(name: &str, error: convert::Error) -> PyErr {
    match error {
        convert::Error::Read(source) => of_file(name, source),
        error => exception("CheckpointError", format!("{name}: {}", Error::with_causes(&error))),
    }
}

/// The system's: Python's own, such as `FileNotFoundError`.
pub fn of_file(name: &str, error: io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, error.to_string(), name.to_owned())),
        None => PyOSError::new_err(format!("{name}: {error}")),
    }
}

fn class_of(error: &Error) -> &'static str {
    match error {
        Error::NotWeights { .. } => "NotWeights",
        Error::MissingTensor { .. } => "MissingTensor",
        Error::NoOneToMany => "NoOneToMany",
        Error::MisshapedTensor { .. } => "MisshapedTensor",
        Error::NotFinite { .. } => "NotFinite",
        Error::Metadata { .. } => "Metadata",
        Error::UnsupportedDtype { .. } => "UnsupportedDtype",
        Error::UnusedTensors { .. } => "UnusedTensors",
        Error::NotAPicture(_) => "NotAPicture",
        Error::PictureTooLarge { .. } => "PictureTooLarge",
        Error::FileTooLarge { .. } => "FileTooLarge",
        Error::EmptyPicture(_) => "EmptyPicture",
        Error::InputSize { .. } => "InputSize",
        Error::InputSides { .. } => "InputSides",
        Error::UnknownDevice(_) => "UnknownDevice",
        Error::UnknownPrecision(_) => "UnknownPrecision",
        Error::PrecisionUnsupported { .. } => "PrecisionUnsupported",
        Error::NotBuiltIn { .. } => "NotBuiltIn",
        Error::DeviceUnavailable { .. } => "DeviceUnavailable",
        Error::DeviceFailed { .. } => "DeviceFailed",
        Error::DeviceOutOfMemory { .. } => "DeviceOutOfMemory",
        Error::Residue { .. } => "Residue",
        Error::Worker { .. } => "WorkerError",
        Error::DeviceInUse { .. } => "DeviceInUse",
        Error::LimitUnsupported { .. } => "LimitUnsupported",
        Error::Engine(_) => "EngineError",
        _ => "Error",
    }
}
