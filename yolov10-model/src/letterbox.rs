//! Letterbox: how a picture is fitted into the network's input, and how boxes are mapped back.
//!
//! The geometry is the reference's, and the resize matches OpenCV's 8-bit bilinear one to the last bit.

use crate::detection::Rect;
use crate::error::Error;
use crate::size::Size;

/// Grey level of the border around the picture, 0..255.
pub(crate) const PAD: u8 = 114;
/// What validation adds to a side at most: the reference keeps half a stride around its batches.
const BATCH_BORDER: usize = Size::STRIDE;

/// How much of the largest input a picture gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Fit {
    /// The smallest multiple of the stride that the scaled picture fits into.
    #[default]
    Minimal,
    /// All of it.
    Full,
}

/// How a detector places pictures in its input.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Geometry {
    largest: Size,
    fit: Fit,
}

impl Geometry {
    /// Raises the sides of the largest input to multiples of the stride.
    ///
    /// # Errors
    /// A side is not within [`Size::SIDES`].
    pub(crate) fn new(largest: Size, fit: Fit) -> Result<Self, Error> {
        match largest.is_within_bounds() {
            true => Ok(Self { largest: largest.to_stride(), fit }),
            false => Err(Error::InputSides { found: largest }),
        }
    }

    /// Where a picture of this size lies.
    pub(crate) fn letterbox(&self, image: Size) -> Result<Letterbox, Error> {
        Letterbox::new(image, self.largest, self.fit)
    }
}

/// Where a picture lies in the network's input: the only place that knows both coordinate systems.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// The original picture.
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
    /// Fits a picture of size `image` into `largest`, scaling it up or down.
    ///
    /// # Errors
    /// The picture has no pixels; the sides of `largest` are not multiples of 32, or not within [`Size::SIDES`].
    pub fn new(image: Size, largest: Size, fit: Fit) -> Result<Self, Error> {
        if image.height == 0 || image.width == 0 {
            return Err(Error::EmptyPicture(image));
        }
        check_input(largest, *Size::SIDES.end())?;
        let ratio = |largest: usize, image: usize| largest as f64 / image as f64;
        let gain = ratio(largest.height, image.height).min(ratio(largest.width, image.width));
        let scale = |side: usize| ((side as f64 * gain).round_ties_even() as usize).max(1);
        let scaled = Size { height: scale(image.height), width: scale(image.width) };
        let spare = |largest: usize, scaled: usize| match fit {
            Fit::Minimal => (largest - scaled) % Size::STRIDE,
            Fit::Full => largest - scaled,
        };
        let (rows, columns) = (spare(largest.height, scaled.height), spare(largest.width, scaled.width));
        Ok(Self {
            image,
            scaled,
            input: Size { height: scaled.height + rows, width: scaled.width + columns },
            // The reference halves, subtracts a tenth and rounds: an odd spare row goes to the bottom.
            top: rows / 2,
            left: columns / 2,
        })
    }

    /// Checks that it suits a picture of size `image`: its fields are public, so anybody may have made it.
    pub(crate) fn check(&self, image: Size) -> Result<(), Error> {
        if self.image != image {
            return Err(Error::OtherPicture { expected: self.image, found: image });
        }
        if image.height == 0 || image.width == 0 {
            return Err(Error::EmptyPicture(image));
        }
        check_input(self.input, Size::SIDES.end() + BATCH_BORDER)?;
        let fits = |start: usize, scaled: usize, input: usize| {
            scaled > 0 && start.checked_add(scaled).is_some_and(|end| end <= input)
        };
        if fits(self.top, self.scaled.height, self.input.height) && fits(self.left, self.scaled.width, self.input.width)
        {
            return Ok(());
        }
        let Self { scaled, input, top, left, .. } = *self;
        Err(Error::OutsideInput { scaled, input, top, left })
    }

    /// Pixels of the input per pixel of the picture, vertically and horizontally.
    fn gains(&self) -> (f32, f32) {
        (self.scaled.height as f32 / self.image.height as f32, self.scaled.width as f32 / self.image.width as f32)
    }

    /// Converts a rectangle of the input to the picture's coordinates, clipped at its edges.
    pub fn to_image(&self, rect: Rect) -> Rect {
        let (gain_y, gain_x) = self.gains();
        let x = |x: f32| ((x - self.left as f32) / gain_x).clamp(0.0, self.image.width as f32);
        let y = |y: f32| ((y - self.top as f32) / gain_y).clamp(0.0, self.image.height as f32);
        Rect { x1: x(rect.x1), y1: y(rect.y1), x2: x(rect.x2), y2: y(rect.y2) }
    }

    /// Converts a rectangle of the picture to the input's coordinates.
    pub fn to_input(&self, rect: Rect) -> Rect {
        let (gain_y, gain_x) = self.gains();
        let x = |x: f32| x * gain_x + self.left as f32;
        let y = |y: f32| y * gain_y + self.top as f32;
        Rect { x1: x(rect.x1), y1: y(rect.y1), x2: x(rect.x2), y2: y(rect.y2) }
    }
}

/// Checks that the network can take an input of this size, whose sides may have `longest` pixels at most.
pub(crate) fn check_input(input: Size, longest: usize) -> Result<(), Error> {
    let Size { height, width } = input;
    if height == 0 || width == 0 || input != input.to_stride() {
        return Err(Error::InputSize { found: input, stride: Size::STRIDE });
    }
    if height > longest || width > longest {
        return Err(Error::InputSides { found: input });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two multiplications in f32: a few units in the last place of several thousand pixels.
    const TOLERANCE: f32 = 2e-2;

    proptest! {
        #[test]
        fn the_inverse_returns_the_same_box(
            height in 1..5000_usize, width in 1..5000_usize, rows in 1..40_usize, columns in 1..40_usize, full: bool,
            corners in prop::array::uniform4(0.0..1.0_f32),
        ) {
            let image = Size { height, width };
            let largest = Size { height: rows * Size::STRIDE, width: columns * Size::STRIDE };
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
        for side in [8224, usize::MAX - 31] {
            let error = Letterbox::new(Size::square(10), Size { height: side, width: 64 }, Fit::Full)
                .expect_err("it is more than memory can hold");
            assert_eq!(error.to_string(), format!("input size {side}x64: expected sides of 32 to 8192 pixels"));
        }
    }

    #[test]
    fn a_letterbox_that_somebody_made_has_to_fit_picture_and_input() {
        let good =
            Letterbox::new(Size { height: 100, width: 200 }, Size::square(64), Fit::Full).expect("the sizes are good");
        assert!(good.check(good.image).is_ok());
        let said = |letterbox: Letterbox| {
            letterbox.check(Size { height: 100, width: 200 }).expect_err("it is bad").to_string()
        };
        assert_eq!(
            said(Letterbox { image: Size::square(100), ..good }),
            "a letterbox for a picture of 100x100, found one of 100x200"
        );
        let outside = "a letterbox puts 32x64 at row 48, column 0 of an input of 64x64";
        assert_eq!(said(Letterbox { top: 48, ..good }), outside);
        assert!(
            said(Letterbox { left: usize::MAX, ..good }).starts_with("a letterbox puts 32x64 at row 16, column 1844")
        );
        assert!(said(Letterbox { scaled: Size::square(0), ..good }).starts_with("a letterbox puts 0x0"));
        assert!(said(Letterbox { input: Size::square(100), ..good }).starts_with("input size 100x100: "));
        assert!(said(Letterbox { input: Size::square(1 << 40), ..good }).starts_with("input size 1099511627776x"));
    }
}
