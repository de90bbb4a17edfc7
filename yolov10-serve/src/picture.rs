//! Pictures on their way to a detector.

use image::RgbImage;
use yolov10_model::letterbox::Letterbox;
use yolov10_model::{Detection, Size};

use crate::budget::Share;

/// Decoded pixels, and the coordinates to use for boxes.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) image: RgbImage,
    pub(crate) form: Form,
    /// What is wrong with the picture, if a part of it could not be read.
    pub(crate) damage: Option<String>,
    /// Its share of the budget, given back with the pixels.
    #[expect(dead_code, reason = "it is only held")]
    pub(crate) share: Share,
}

/// How a picture was prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Not at all: boxes are in pixels of the picture.
    Whole,
    /// The client letterboxed it: boxes are in pixels of the input.
    Letterboxed,
}

impl Picture {
    pub(crate) fn size(&self) -> Size {
        Size::of(&self.image)
    }
}

/// The letterbox of a picture that is the input itself.
pub(crate) fn as_it_is(size: Size) -> Letterbox {
    Letterbox { image: size, scaled: size, input: size, top: 0, left: 0 }
}

/// The result of searching a picture.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) size: Size,
    pub(crate) damage: Option<String>,
    pub(crate) detections: Vec<Detection>,
}
