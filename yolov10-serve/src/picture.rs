//! A picture on its way to a detector.

use image::RgbImage;
use yolov10_model::letterbox::Letterbox;
use yolov10_model::{Detection, Size};

use crate::budget::Share;

/// Decoded pixels, and whose coordinates its boxes are to have.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) image: RgbImage,
    pub(crate) form: Form,
    /// What is wrong with it, if a part of it could not be read.
    pub(crate) damage: Option<String>,
    /// The part of the budget that it has.
    pub(crate) share: Share,
}

/// What has been done to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing: boxes are in pixels of the picture.
    Whole,
    /// It was letterboxed by the client: boxes are in pixels of the input.
    Letterboxed,
}

impl Picture {
    pub(crate) fn size(&self) -> Size {
        Size { height: self.image.height() as usize, width: self.image.width() as usize }
    }
}

/// A picture that is the input itself.
pub(crate) fn as_it_is(size: Size) -> Letterbox {
    Letterbox { image: size, scaled: size, input: size, top: 0, left: 0 }
}

/// What was found in a picture.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) size: Size,
    pub(crate) damage: Option<String>,
    pub(crate) detections: Vec<Detection>,
}
