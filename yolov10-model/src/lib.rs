//! YOLOv10 object detection: weights and pictures in, boxes out, and every byte given back on drop.
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use yolov10_model::{Detector, Options, Weights, open_picture};
//!
//! fn main() -> Result<(), yolov10_model::Error> {
//!     let weights = Arc::new(Weights::open(Path::new("yolov10n.safetensors"))?);
//!     let mut detector = Detector::new(&weights, &Options::default())?;
//!     for found in detector.detect(&open_picture(Path::new("street.jpg"))?)? {
//!         println!("{} {:.2} at {:?}", detector.class_names()[found.class], found.score, found.rect);
//!     }
//!     Ok(()) // the detector is dropped: weights, workspace and threads are gone
//! }
//! ```
//!
//! In between:
//!
//! ```text
//! picture -> letterbox -> backbone -> neck -> head -> decode -> detections
//! ```
//!
//! The network is written once, as burn modules whose `forward` is generic over the type of a feature map. It runs on the
//! native CPU engine, `yolov10-cpu`, or as burn tensors: on burn-flex and, with the features `cuda` and `wgpu`, on GPUs.
//! `weights-convert` makes the weight files from PyTorch checkpoints.

mod anchors;
mod decode;
mod detection;
mod detector;
mod device;
mod device_text;
mod engine;
mod error;
mod network;
mod pixels;
mod precision;
mod resample;
mod score;
mod size;
mod suppression;
mod weights;

pub mod inventory;
pub mod isolation;
pub mod letterbox;
pub mod memory;
pub mod options;
pub mod picture;
pub mod selection;
pub mod speed;

#[doc(hidden)]
pub mod inside;

pub use detection::{Detection, Rect};
pub use detector::Detector;
pub use device::Device;
pub use error::Error;
pub use isolation::IsolatedDetector;
pub use options::Options;
pub use picture::open_picture;
pub use pixels::{Order, Pixels};
pub use precision::Precision;
pub use selection::Selection;
pub use size::Size;
pub use weights::Weights;
