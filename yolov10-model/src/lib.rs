//! YOLOv10 object detection in Rust: weights and pictures in, boxes out, and every byte back on drop.
//!
//! ```text
//! picture -> letterbox -> backbone -> neck -> head -> decode -> detections
//! ```
//!
//! The network ([`network::Network`]) is written once, as burn modules whose `forward` is generic over what a
//! feature map is ([`network::FeatureMap`]). It runs on the native CPU engine of `yolov10-cpu`, or as burn tensors.

mod anchors;
mod backbone;
mod blocks;
#[cfg(feature = "cuda")]
mod cuda;
mod decode;
mod detection;
mod detector;
mod device;
mod engine;
mod error;
mod feature_map;
mod head;
mod isolation;
mod letterbox;
mod metadata;
mod neck;
mod picture;
mod precision;
mod resample;
mod scope;
mod size;
mod suppression;
mod weights;

pub mod memory;
/// The network itself, for those who look inside or run it on an engine of their own.
pub mod network;

pub use decode::{MAX_DETECTIONS, Selection};
pub use detection::{Detection, Rect};
pub use detector::{Detector, Options, Speed};
pub use device::Device;
pub use engine::{Inventory, Step};
pub use error::Error;
pub use isolation::{IsolatedDetector, is_worker, serve};
pub use letterbox::{Fit, Letterbox};
pub use memory::{Bytes, FreeReport, MemoryReport};
pub use picture::{decode_picture, open_picture};
pub use precision::Precision;
pub use size::Size;
pub use suppression::{Assignment, Suppression};
pub use weights::Weights;
/// The native CPU engine, for its options.
pub use yolov10_cpu as cpu;
