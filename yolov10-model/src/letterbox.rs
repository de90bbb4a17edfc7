//! Letterbox: how a picture is fitted into the network's input, and how boxes find their way back.
//!
//! The resize equals OpenCV's 8-bit bilinear to the last bit, the geometry equals the reference's.

use std::fmt;

use crate::detection::Rect;
use crate::error::Error;

/// The largest stride of the network: an input's height and width are multiples of it, in pixels.
pub const STRIDE: usize = 32;
/// Grey level of the border around the picture, 0..255.
pub const PAD: u8 = 114;

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// Both sides alike.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    /// Each side raised to the next multiple of the largest stride.
    pub const fn to_stride(self) -> Self {
        Self { height: self.height.next_multiple_of(STRIDE), width: self.width.next_multiple_of(STRIDE) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// How much of the largest input a picture gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Fit {
    /// The smallest multiple of the stride that the scaled picture fits into.
    #[default]
    Minimal,
    /// All of it.
    Full,
}

/// Where a picture lies in the network's input: the one place that knows both coordinate systems.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// The picture as it came.
    pub image: Size,
    /// The picture inside the input.
    pub scaled: Size,
    /// The input.
    pub input: Size,
    /// Rows of border above the picture.
    pub top: usize,
    /// Columns of border left of the picture.
    pub left: usize,
}

impl Letterbox {
    /// Fits a picture of size `image` into `largest`, scaling it up or down; sides of `largest` are multiples of 32.
    pub fn new(image: Size, largest: Size, fit: Fit) -> Result<Self, Error> {
        if image.height == 0 || image.width == 0 {
            return Err(Error::EmptyPicture(image));
        }
        if largest.height == 0 || largest.width == 0 || largest != largest.to_stride() {
            return Err(Error::InputSize { found: largest, stride: STRIDE });
        }
        let ratio = |largest: usize, image: usize| largest as f64 / image as f64;
        let gain = ratio(largest.height, image.height).min(ratio(largest.width, image.width));
        let scale = |side: usize| ((side as f64 * gain).round_ties_even() as usize).max(1);
        let scaled = Size { height: scale(image.height), width: scale(image.width) };
        let spare = |largest: usize, scaled: usize| match fit {
            Fit::Minimal => (largest - scaled) % STRIDE,
            Fit::Full => largest - scaled,
        };
        let (rows, columns) = (spare(largest.height, scaled.height), spare(largest.width, scaled.width));
        Ok(Self {
            image,
            scaled,
            input: Size { height: scaled.height + rows, width: scaled.width + columns },
            // The reference halves, then rounds half a pixel less a tenth: an odd spare row goes below.
            top: rows / 2,
            left: columns / 2,
        })
    }

    /// Pixels of the input per pixel of the picture, vertically and horizontally.
    fn gains(&self) -> (f32, f32) {
        (self.scaled.height as f32 / self.image.height as f32, self.scaled.width as f32 / self.image.width as f32)
    }

    /// A rectangle of the input, in the picture and cut off at its edges.
    pub fn to_image(&self, rect: Rect) -> Rect {
        let (gain_y, gain_x) = self.gains();
        let x = |x: f32| ((x - self.left as f32) / gain_x).clamp(0.0, self.image.width as f32);
        let y = |y: f32| ((y - self.top as f32) / gain_y).clamp(0.0, self.image.height as f32);
        Rect { x1: x(rect.x1), y1: y(rect.y1), x2: x(rect.x2), y2: y(rect.y2) }
    }

    /// A rectangle of the picture, in the input.
    pub fn to_input(&self, rect: Rect) -> Rect {
        let (gain_y, gain_x) = self.gains();
        let x = |x: f32| x * gain_x + self.left as f32;
        let y = |y: f32| y * gain_y + self.top as f32;
        Rect { x1: x(rect.x1), y1: y(rect.y1), x2: x(rect.x2), y2: y(rect.y2) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Coordinates pass two multiplications in f32: a few units in the last place of some thousand pixels.
    const TOLERANCE: f32 = 2e-2;

    proptest! {
        #[test]
        fn the_inverse_returns_the_same_box(
            height in 1..5000_usize, width in 1..5000_usize, rows in 1..40_usize, columns in 1..40_usize, full: bool,
            corners in prop::array::uniform4(0.0..1.0_f32),
        ) {
            let image = Size { height, width };
            let largest = Size { height: rows * STRIDE, width: columns * STRIDE };
            let fit = if full { Fit::Full } else { Fit::Minimal };
            let letterbox = Letterbox::new(image, largest, fit).expect("the sizes are good");
            prop_assert_eq!(letterbox.input, letterbox.input.to_stride());
            prop_assert!(letterbox.top + letterbox.scaled.height <= letterbox.input.height);
            prop_assert!(letterbox.left + letterbox.scaled.width <= letterbox.input.width);
            let [x1, y1, x2, y2] = corners;
            let (w, h) = (width as f32, height as f32);
            let rect = Rect { x1: x1 * w, y1: y1 * h, x2: x2 * w, y2: y2 * h };
            let back = letterbox.to_image(letterbox.to_input(rect));
            for (found, expected) in [(back.x1, rect.x1), (back.y1, rect.y1), (back.x2, rect.x2), (back.y2, rect.y2)] {
                prop_assert!((found - expected).abs() <= TOLERANCE, "found {}, expected {}", found, expected);
            }
        }
    }

    #[test]
    fn boxes_are_cut_off_at_the_pictures_edges() {
        let letterbox =
            Letterbox::new(Size { height: 100, width: 200 }, Size::square(64), Fit::Full).expect("the sizes are good");
        let everything = Rect { x1: -50.0, y1: -50.0, x2: 90.0, y2: 90.0 };
        let picture = Rect { x1: 0.0, y1: 0.0, x2: 200.0, y2: 100.0 };
        assert_eq!(letterbox.to_image(everything), picture);
    }

    #[test]
    fn sizes_that_do_not_fit_the_stride_are_refused() {
        let error = Letterbox::new(Size::square(10), Size { height: 64, width: 100 }, Fit::Full)
            .expect_err("100 is no multiple of 32");
        assert_eq!(error.to_string(), "input size 64x100: height and width must be positive multiples of 32 pixels");
        let error = Letterbox::new(Size { height: 0, width: 5 }, Size::square(64), Fit::Full)
            .expect_err("there is nothing in it");
        assert_eq!(error.to_string(), "a picture of 0x5 has no pixels");
    }
}
