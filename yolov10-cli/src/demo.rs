//! The built-in weights and picture, so that the program works without any file.

pub use yolo10_burn_demo::{PICTURE, WEIGHTS};

/// The name of the weights in messages.
pub const WEIGHTS_NAME: &str = "built-in yolov10n-demo";
/// The name of the picture in results.
pub const PICTURE_NAME: &str = "street.jpg";
