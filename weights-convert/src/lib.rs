//! Converts YOLOv10 checkpoints of PyTorch to the safetensors files of yolo10-burn, without Python.
//!
//! [`convert()`] reads `.pt` files (whole modules from the authors' code or ultralytics, training checkpoints, fused models,
//! bare state dicts) or safetensors with PyTorch's names, folds batch normalisation in f64, and names every tensor after the
//! model's field. A file is data here: nothing in it is executed, and what it asks for is checked before memory is
//! allocated. Everything that this project knows of PyTorch is in this crate.
//!
//! ```no_run
//! use std::path::Path;
//! use weights_convert::{Options, convert, output_path, write};
//!
//! let input = Path::new("yolov10n.pt");
//! let converted = convert(input, &Options::default())?;
//! println!("{converted}"); // YOLOv10 n, 80 classes, 2299264 parameters, .. both heads, ..
//! write(&converted, &output_path(input, None)?)?; // yolov10n.safetensors
//! # Ok::<(), weights_convert::Error>(())
//! ```

mod coco;
#[cfg(feature = "command")]
pub mod command;
mod container;
mod convert;
mod error;
mod fold;
mod format;
mod limits;
mod metadata;
mod network;
mod options;
mod save;
mod tensor;
mod torch;
mod whole_file;
mod write;

pub use container::is_converted;
#[doc(hidden)]
pub use convert::check_pickle;
pub use convert::{Converted, convert, convert_bytes};
pub use error::Error;
pub use metadata::Summary;
pub use options::{DType, Heads, Options};
pub use save::{output_path, write};
pub use whole_file::WholeFile;
