//! The built-in weights and picture, so that the program works without any file.
//!
//! NOTICES.md says where they come from.

/// A YOLOv10-N for drawn street scenes, converted, f16.
pub const WEIGHTS: &[u8] = include_bytes!("../../assets/yolov10n-demo.safetensors");
/// The name of the weights in messages.
pub const WEIGHTS_NAME: &str = "built-in yolov10n-demo";
/// A drawn street scene.
pub const PICTURE: &[u8] = include_bytes!("../../assets/street.jpg");
/// The name of the picture in results.
pub const PICTURE_NAME: &str = "street.jpg";
