//! The result of one picture.

use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Size};

/// A picture's detections, and how they were computed.
pub struct Searched {
    /// The picture's size in pixels.
    pub size: Size,
    /// The network's input, in pixels.
    pub input: Size,
    /// The detections, best first.
    pub detections: Vec<Detection>,
    /// How long it took.
    pub speed: Speed,
}
