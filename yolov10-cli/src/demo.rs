//! What is built in, so that the program can show something before it is given anything.
//!
//! NOTICES.md says where these come from.

/// A YOLOv10-N for drawn street scenes, converted, f16.
pub const WEIGHTS: &[u8] = include_bytes!("../../assets/yolov10n-demo.safetensors");
/// What messages call the weights.
pub const WEIGHTS_NAME: &str = "built-in yolov10n-demo";
/// A drawn street scene.
pub const PICTURE: &[u8] = include_bytes!("../../assets/street.jpg");
/// What results call the picture.
pub const PICTURE_NAME: &str = "street.jpg";
