//! The pixels of a letterbox: bilinear resize and border, row by row.
//!
//! Equal to OpenCV's `resize(INTER_LINEAR)` on 8-bit pictures to the last bit: weights in 11 bits, a horizontal
//! pass in 32-bit integers, a vertical pass that drops 4 and 16 bits before it adds. Anything simpler is off by
//! one level in every eighth pixel.

use std::ops::Range;

use image::RgbImage;

use crate::letterbox::{Letterbox, PAD};

const CHANNELS: usize = 3;
/// Fractional bits of a weight.
const WEIGHT_ONE: f32 = 2048.0;

/// One output position between two input positions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tap {
    /// The nearer-to-zero input position; can be -1 or the last one for rows.
    pub start: i64,
    /// Weights of `start` and `start + 1`, in 1/2048.
    pub weights: [i32; 2],
}

impl Tap {
    /// The tap of position `index` of `scaled` over `source` positions.
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

/// Scratch of the resize, kept between pictures so that a steady stream allocates nothing.
#[derive(Debug, Default)]
pub struct Resampler {
    columns: Vec<Tap>,
    /// Two horizontally resized input rows, and which rows they are.
    passed: [Vec<i32>; 2],
    passed_rows: [Option<usize>; 2],
    output: Vec<u8>,
}

impl Resampler {
    /// Bytes of its scratch.
    pub fn bytes(&self) -> usize {
        let [above, below] = &self.passed;
        self.columns.capacity() * size_of::<Tap>()
            + (above.capacity() + below.capacity()) * size_of::<i32>()
            + self.output.capacity()
    }

    /// Calls `emit(y, row)` for each of `rows` of the input that `letterbox` describes; a row is RGB, 0..255.
    pub fn rows(
        &mut self,
        image: &RgbImage,
        letterbox: &Letterbox,
        rows: Range<usize>,
        mut emit: impl FnMut(usize, &[u8]),
    ) {
        let (scaled, source) = (letterbox.scaled, letterbox.image);
        self.columns.clear();
        self.columns.extend((0..scaled.width).map(|x| Tap::column(x, scaled.width, source.width)));
        self.passed_rows = [None; 2];
        self.output.clear();
        self.output.resize(letterbox.input.width * CHANNELS, PAD);
        let picture = letterbox.left * CHANNELS..(letterbox.left + scaled.width) * CHANNELS;
        for y in rows {
            if (letterbox.top..letterbox.top + scaled.height).contains(&y) {
                if scaled == source {
                    self.output[picture.clone()].copy_from_slice(source_row(image, y - letterbox.top));
                } else {
                    self.resize_row(image, Tap::new(y - letterbox.top, scaled.height, source.height), picture.clone());
                }
                emit(y, &self.output);
            } else {
                self.output[picture.clone()].fill(PAD);
                emit(y, &self.output);
            }
        }
    }

    fn resize_row(&mut self, image: &RgbImage, tap: Tap, target: Range<usize>) {
        let last = i64::from(image.height()) - 1;
        let [above, below] = [tap.start, tap.start + 1].map(|row| row.clamp(0, last) as usize);
        // Going down the picture, the lower row of one output row is often the upper one of the next.
        if self.passed_rows[1] == Some(above) {
            self.passed.swap(0, 1);
            self.passed_rows.swap(0, 1);
        }
        for (slot, row) in [above, below].into_iter().enumerate() {
            if self.passed_rows[slot] != Some(row) {
                horizontal_pass(source_row(image, row), &self.columns, &mut self.passed[slot]);
                self.passed_rows[slot] = Some(row);
            }
        }
        let [weight_above, weight_below] = tap.weights;
        let rows = self.passed[0].iter().zip(&self.passed[1]);
        for (level, (above, below)) in self.output[target].iter_mut().zip(rows) {
            let sum = ((weight_above * (above >> 4)) >> 16) + ((weight_below * (below >> 4)) >> 16);
            *level = ((sum + 2) >> 2) as u8;
        }
    }
}

fn source_row(image: &RgbImage, row: usize) -> &[u8] {
    let length = image.width() as usize * CHANNELS;
    &image.as_raw()[row * length..][..length]
}

fn horizontal_pass(row: &[u8], columns: &[Tap], passed: &mut Vec<i32>) {
    passed.resize(columns.len() * CHANNELS, 0);
    let (pixels, _) = passed.as_chunks_mut::<CHANNELS>();
    for (pixel, tap) in pixels.iter_mut().zip(columns) {
        let left = tap.start as usize * CHANNELS;
        let [weight_left, weight_right] = tap.weights;
        // At the right edge the second weight is 0, so that any pixel will do.
        let right = (left + CHANNELS).min(row.len() - CHANNELS);
        for channel in 0..CHANNELS {
            pixel[channel] =
                i32::from(row[left + channel]) * weight_left + i32::from(row[right + channel]) * weight_right;
        }
    }
}

#[cfg(test)]
mod tests {
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
        let levels = (0..(size.height * size.width * CHANNELS) as u64).map(level).collect();
        RgbImage::from_raw(size.width as u32, size.height as u32, levels).expect("the levels fill the picture")
    }

    #[test]
    fn letterboxes_equal_opencv_to_the_last_bit() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../tests/opencv.json")).expect("opencv.py writes JSON");
        let mut resampler = Resampler::default();
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
            resampler.rows(&picture(letterbox.image), &letterbox, 0..letterbox.input.height, |_, row| {
                for &level in row {
                    hash = (hash ^ u64::from(level)).wrapping_mul(0x100_0000_01B3);
                }
            });
            assert_eq!(format!("{hash:016x}"), case.fnv1a, "pixels of {} in {}", letterbox.image, letterbox.input);
        }
    }

    #[test]
    fn rows_may_be_asked_for_in_parts() {
        let image = picture(Size { height: 90, width: 70 });
        let letterbox =
            Letterbox::new(Size { height: 90, width: 70 }, Size::square(64), Fit::Full).expect("the sizes are good");
        let rows = |range: Range<usize>| {
            let mut rows = Vec::new();
            Resampler::default().rows(&image, &letterbox, range, |_, row| rows.extend_from_slice(row));
            rows
        };
        assert_eq!([rows(0..23), rows(23..64)].concat(), rows(0..64));
    }
}
