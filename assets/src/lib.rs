//! The demo weights and the picture that the program has built in: a crate, because a package holds no file of another's.
//!
//! The repository's NOTICES.md says where they come from.

/// A YOLOv10-N for drawn street scenes, converted, f16. As a constant, it would be in the program once per use.
pub static WEIGHTS: &[u8] = include_bytes!("../yolov10n-demo.safetensors");
/// A drawn street scene, a JPEG.
pub static PICTURE: &[u8] = include_bytes!("../street.jpg");
