//! YOLOv10 object detection as one native library: weights and pictures in, boxes out, and every byte back on drop.
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
//! This crate is a name for several: everything here is `yolov10-model`'s, and features add the other pieces.
//!
//! | feature | adds |
//! |---|---|
//! | `convert` | `convert`: PyTorch's checkpoints to weight files, `weights-convert` |
//! | `media` | `media`: pictures from folders, patterns, lists and videos, `yolov10-media` |
//! | `draw` | boxes and labels in pictures, in `media` |
//! | `web` | pictures at http and https addresses, in `media` |
//! | `cuda`, `wgpu` | engines for GPUs |

#[cfg(feature = "convert")]
pub use weights_convert as convert;
#[cfg(feature = "media")]
pub use yolov10_media as media;
pub use yolov10_model::{
    Detection, Detector, Device, Error, IsolatedDetector, Options, Precision, Rect, Selection, Size, Weights,
    inventory, isolation, letterbox, memory, open_picture, options, picture, selection, speed,
};
