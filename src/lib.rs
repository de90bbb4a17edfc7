//! YOLOv10 object detection as one native library: weights and pictures in, boxes out, and every byte given back on drop.
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use yolo10_burn::{Detector, Options, Weights, open_picture};
//!
//! fn main() -> Result<(), yolo10_burn::Error> {
//!     let weights = Arc::new(Weights::open(Path::new("yolov10n.safetensors"))?);
//!     let mut detector = Detector::new(&weights, &Options::default())?;
//!     for found in detector.detect(&open_picture(Path::new("street.jpg"))?)? {
//!         println!("{} {:.2} at {:?}", detector.class_names()[found.class], found.score, found.rect);
//!     }
//!     Ok(()) // the detector is dropped: weights, workspace and threads are gone
//! }
//! ```
//!
//! This crate is one name for several: what is listed here belongs to `yolov10-model`, and features add the other pieces.
//!
//! | feature | adds |
//! |---|---|
//! | `convert` | `convert`: PyTorch checkpoints to weight files, the crate `weights-convert` |
//! | `media` | `media`: pictures from folders, patterns, lists and videos, the crate `yolov10-media` |
//! | `draw` | boxes and labels in pictures, in `media` |
//! | `web` | pictures at http and https addresses, in `media` |
//! | `cuda`, `wgpu` | engines for GPUs |

#[cfg(feature = "convert")]
pub use weights_convert as convert;
#[cfg(feature = "media")]
pub use yolov10_media as media;
pub use yolov10_model::{
    Detection, Detector, Device, Error, IsolatedDetector, Options, Order, Pixels, Precision, Rect, Selection, Size,
    Weights, inventory, isolation, letterbox, memory, open_picture, options, picture, selection, speed,
};
