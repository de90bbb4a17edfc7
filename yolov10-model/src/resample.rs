//! A picture as the network's input: letterboxed planes of red, green and blue in 0..1, bilinearly resized.
//!
//! Matches OpenCV's `resize(INTER_LINEAR)` on 8-bit pictures to the last bit. Anything simpler is off by one level in every
//! eighth pixel. `yolov10_cpu::resize` has the arithmetic.

use yolov10_cpu::Isa;
use yolov10_cpu::resize::{Column, Resizer, Row};

use crate::error::Error;
use crate::letterbox::{Letterbox, PAD};
use crate::pixels::{Order, Pixels};
use crate::size::{RGB, Size};

#[cfg(test)]
pub(crate) mod scalar;

/// A weight of 1, in fixed point.
const WEIGHT_ONE: f32 = 2048.0;
/// White, in the pictures' levels.
const WHITE: f32 = 255.0;

/// One output position between two input positions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tap {
    /// The lower input position; for rows it may be -1 or the last one.
    pub start: i64,
    /// Weights of `start` and `start + 1`, in 1/2048.
    pub weights: [i32; 2],
}

impl Tap {
    /// The tap of position `index` of `scaled`, between two of `source` positions.
    pub fn new(index: usize, scaled: usize, source: usize) -> Self {
        let position = ((index as f64 + 0.5) * (source as f64 / scaled as f64) - 0.5) as f32;
        Self::at(position.floor() as i64, position - position.floor())
    }

    fn at(start: i64, fraction: f32) -> Self {
        let weight = |share: f32| (share * WEIGHT_ONE).round_ties_even() as i32;
        Self { start, weights: [weight(1.0 - fraction), weight(fraction)] }
    }

    /// Columns beyond the edge take the edge pixel alone; rows keep their weights and clamp their indices instead.
    pub fn column(index: usize, scaled: usize, source: usize) -> Self {
        let tap = Self::new(index, scaled, source);
        let last = source as i64 - 1;
        if tap.start < 0 || tap.start >= last { Self::at(tap.start.clamp(0, last), 0.0) } else { tap }
    }
}

/// Resizes pictures. Keeps the columns of the last letterbox, so that a steady stream allocates nothing.
pub struct Resampler {
    resizer: Resizer,
    columns: Vec<Column>,
    /// Widths of the scaled picture and of the picture that the columns are for.
    widths: [usize; 2],
}

impl Resampler {
    /// Uses the instructions of `isa`; the results are the same with all.
    ///
    /// # Errors
    /// The machine lacks these instructions.
    pub fn new(isa: Isa) -> Result<Self, Error> {
        Ok(Self { resizer: Resizer::new(isa)?, columns: Vec::new(), widths: [0; 2] })
    }

    /// Bytes that it keeps.
    pub fn bytes(&self) -> usize {
        self.columns.capacity() * size_of::<Column>()
    }

    /// Gives them back.
    pub fn trim(&mut self) {
        (self.columns, self.widths) = (Vec::new(), [0; 2]);
    }

    /// The picture, placed in the input by `letterbox`.
    pub fn letterboxed<'a>(&'a mut self, image: impl Into<Pixels<'a>>, letterbox: &'a Letterbox) -> Letterboxed<'a> {
        let widths = [letterbox.scaled.width, letterbox.image.width];
        if self.widths != widths {
            let [scaled, source] = widths;
            self.columns.clear();
            self.columns.extend((0..scaled).map(|x| {
                let Tap { start, weights } = Tap::column(x, scaled, source);
                Column { left: start as u32, weights: weights.map(|weight| weight as i16) }
            }));
            self.widths = widths;
        }
        Letterboxed { image: image.into(), letterbox, resizer: self.resizer, columns: &self.columns }
    }
}

/// A picture in the network's input, to be written row by row, possibly by several threads.
pub struct Letterboxed<'a> {
    image: Pixels<'a>,
    letterbox: &'a Letterbox,
    resizer: Resizer,
    columns: &'a [Column],
}

impl Letterboxed<'_> {
    /// Writes row `y` of the input.
    pub fn row(&self, y: usize, planes: [&mut [f32]; RGB]) {
        let Letterbox { image: source, scaled, top, left, .. } = *self.letterbox;
        let border = f32::from(PAD) / WHITE;
        let Some(y) = y.checked_sub(top).filter(|y| *y < scaled.height) else {
            return planes.into_iter().for_each(|plane| plane.fill(border));
        };
        let mut picture = planes.map(|plane| {
            let (before, rest) = plane.split_at_mut(left);
            let (picture, after) = rest.split_at_mut(scaled.width);
            before.fill(border);
            after.fill(border);
            picture
        });
        if self.image.order() == Order::Bgr {
            picture.reverse();
        }
        let Tap { start, weights } = Tap::new(y, scaled.height, source.height);
        let last = source.height as i64 - 1;
        let between = [start, start + 1].map(|row| self.image.row(row.clamp(0, last) as usize));
        self.resizer.row(&Row { between, weights: weights.map(|weight| weight as i16) }, self.columns, picture);
    }

    /// All of it: planes `[3, H, W]` one after another.
    pub fn planes(&self) -> Vec<f32> {
        let Size { height, width } = self.letterbox.input;
        let mut planes = vec![0.0; RGB * height * width];
        let mut rest = planes.as_mut_slice();
        let mut planes_left = [(); RGB].map(|()| {
            let (plane, after) = std::mem::take(&mut rest).split_at_mut(height * width);
            rest = after;
            plane.chunks_exact_mut(width)
        });
        for y in 0..height {
            self.row(y, planes_left.each_mut().map(|rows| rows.next().expect("a plane has a row for each y")));
        }
        planes
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use proptest::prelude::*;

    use super::*;
    use crate::letterbox::Fit;
    use crate::size::Size;

    /// Written by tests/opencv.py.
    #[derive(serde::Deserialize)]
    struct Case {
        image: [usize; 2],
        largest: [usize; 2],
        minimal: bool,
        scaled: [usize; 2],
        input: [usize; 2],
        top: usize,
        left: usize,
        fnv1a: String,
    }

    fn size([height, width]: [usize; 2]) -> Size {
        Size { height, width }
    }

    fn picture(size: Size) -> RgbImage {
        let level = |index: u64| ((index * 2_654_435_761 % (1 << 32)) >> 13) as u8;
        let levels = (0..(size.height * size.width * RGB) as u64).map(level).collect();
        RgbImage::from_raw(size.width as u32, size.height as u32, levels).expect("the levels fill the picture")
    }

    #[test]
    fn letterboxes_equal_opencv_to_the_last_bit() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../tests/opencv.json")).expect("opencv.py writes JSON");
        let mut resampler = Resampler::new(Isa::detect()).expect("the machine has it");
        for case in cases {
            let fit = if case.minimal { Fit::Minimal } else { Fit::Full };
            let letterbox = Letterbox::new(size(case.image), size(case.largest), fit).expect("the sizes are good");
            let expected = Letterbox {
                image: size(case.image),
                scaled: size(case.scaled),
                input: size(case.input),
                top: case.top,
                left: case.left,
            };
            assert_eq!(letterbox, expected);
            let mut hash = 0xCBF2_9CE4_8422_2325_u64;
            let planes = resampler.letterboxed(&picture(letterbox.image), &letterbox).planes();
            let plane = letterbox.input.height * letterbox.input.width;
            for pixel in 0..plane {
                for value in planes[pixel..].iter().step_by(plane) {
                    let level = (value * WHITE).round() as u8;
                    hash = (hash ^ u64::from(level)).wrapping_mul(0x100_0000_01B3);
                }
            }
            assert_eq!(format!("{hash:016x}"), case.fnv1a, "pixels of {} in {}", letterbox.image, letterbox.input);
        }
    }

    #[test]
    fn blue_first_is_the_same_picture() {
        let source = Size { height: 37, width: 53 };
        let letterbox = Letterbox::new(source, Size::square(64), Fit::Full).expect("the sizes are good");
        let (rgb, mut bgr) = (picture(source), picture(source));
        bgr.pixels_mut().for_each(|pixel| pixel.0.reverse());
        let mut resampler = Resampler::new(Isa::detect()).expect("the machine has it");
        let expected = resampler.letterboxed(&rgb, &letterbox).planes();
        assert!(resampler.letterboxed(&bgr, &letterbox).planes() != expected);
        let bgr = Pixels::new(bgr.as_raw(), source, Order::Bgr).expect("the levels fill the picture");
        assert!(resampler.letterboxed(bgr, &letterbox).planes() == expected);
    }

    proptest! {
        #[test]
        fn every_set_of_instructions_gives_the_bits_of_the_scalar_code(
            [height, width] in prop::array::uniform2(1usize..200),
            [rows, columns] in prop::array::uniform2(1usize..5),
            full: bool,
        ) {
            let (source, largest) = (Size { height, width }, Size { height: 32 * rows, width: 32 * columns });
            let letterbox = Letterbox::new(source, largest, if full { Fit::Full } else { Fit::Minimal })
                .expect("the sizes are good");
            let image = picture(source);
            let Size { height, width } = letterbox.input;
            let mut expected = vec![0.0; RGB * height * width];
            scalar::rows(&image, &letterbox, |y, row| {
                for (index, level) in row.iter().enumerate() {
                    expected[(index % RGB * height + y) * width + index / RGB] = f32::from(*level) / WHITE;
                }
            });
            for isa in Isa::available() {
                let mut resampler = Resampler::new(isa).expect("the machine has it");
                // Twice: the second finds its columns made.
                for _ in 0..2 {
                    prop_assert!(resampler.letterboxed(&image, &letterbox).planes() == expected, "{} differs", isa);
                }
            }
        }
    }
}
