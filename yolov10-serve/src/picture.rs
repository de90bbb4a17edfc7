//! Pictures on their way to a detector.

use yolov10_model::letterbox::Letterbox;
use yolov10_model::{Detection, Order, Pixels, Size};

use crate::buffers::Buffer;
use crate::problem::Problem;

/// Decoded pixels, and the coordinates to use for boxes.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Rows of RGB, as many as `size` says.
    pixels: Buffer,
    pub(crate) size: Size,
    pub(crate) form: Form,
    /// What is wrong with the picture, if a part of it could not be read.
    pub(crate) damage: Option<String>,
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
    pub(crate) fn new(pixels: Buffer, size: Size, form: Form, damage: Option<String>) -> Result<Self, Problem> {
        let found = pixels.as_ref().len();
        match Pixels::new(pixels.as_ref(), size, Order::Rgb) {
            Some(_) => Ok(Self { pixels, size, form, damage }),
            None => Err(Problem::invalid(format_args!("{found} bytes are no picture of {size}"))),
        }
    }

    pub(crate) fn pixels(&self) -> Pixels<'_> {
        Pixels::new(self.pixels.as_ref(), self.size, Order::Rgb).expect("it was made of as many bytes")
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
