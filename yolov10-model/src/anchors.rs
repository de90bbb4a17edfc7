//! The anchors that may hold an object, and the head's output for each: the first half of decoding.
//!
//! Anchors are the cells of P3, P4, P5. They are ranked by their best class, here or on the device that ran the
//! network; either way the result is the same short table.

use yolov10_cpu::MapView;

#[cfg(any(feature = "gpu", test))]
use crate::network::STRIDES;
use crate::network::{REG_MAX, RawMaps, SIDES};
use crate::selection::Selection;
#[cfg(any(feature = "gpu", test))]
use crate::size::Size;

/// Logits of an anchor that come before those of its classes: the distributions over its four distances.
pub const BOX_LOGITS: usize = SIDES * REG_MAX;

/// One cell of one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    pub scale: u8,
    pub y: u16,
    pub x: u16,
}

#[cfg(any(feature = "gpu", test))]
impl Anchor {
    /// The anchor with this number, counting the cells of an input's P3, P4 and P5 row by row.
    pub fn new(mut number: usize, input: Size) -> Self {
        for (scale, stride) in STRIDES.into_iter().enumerate() {
            let (height, width) = (input.height / stride, input.width / stride);
            if number < height * width {
                return Self { scale: scale as u8, y: (number / width) as u16, x: (number % width) as u16 };
            }
            number -= height * width;
        }
        unreachable!("an input of {input} has {number} fewer anchors than that")
    }

    /// How many anchors an input has.
    pub fn count(input: Size) -> usize {
        let cells = |stride| (input.height / stride) * (input.width / stride);
        STRIDES.into_iter().map(cells).sum()
    }
}

/// Anchors, best first, and their logits. Kept between pictures as scratch.
#[derive(Debug, Default)]
pub struct Anchors {
    ranking: Vec<(f32, Anchor)>,
    anchors: Vec<Anchor>,
    /// `[K, BOX_LOGITS + classes]`.
    logits: Vec<f32>,
}

impl Anchors {
    /// Finds the best anchors in one picture's raw maps, as many as `selection` looks at.
    pub fn rank(&mut self, maps: &RawMaps<MapView<'_>>, selection: &Selection) {
        let threshold = selection.threshold();
        self.clear();
        for (scale, logits) in maps.classes.iter().enumerate() {
            for y in 0..logits.height {
                for x in 0..logits.width {
                    let best = logits.max_over_channels(y, x);
                    if best >= threshold {
                        let (scale, y, x) = (scale as u8, y as u16, x as u16);
                        self.ranking.push((best, Anchor { scale, y, x }));
                    }
                }
            }
        }
        keep_best(&mut self.ranking, selection.ranked());
        for &(_, anchor) in &self.ranking {
            let (y, x) = (usize::from(anchor.y), usize::from(anchor.x));
            let scale = usize::from(anchor.scale);
            for map in [&maps.boxes[scale], &maps.classes[scale]] {
                map.channels_at(y, x).for_each(|channels| self.logits.extend_from_slice(channels));
            }
            self.anchors.push(anchor);
        }
    }

    /// Takes over anchors that the device has ranked: rows of an anchor's number and its logits, best first.
    #[cfg(feature = "gpu")]
    pub fn take(&mut self, rows: &[f32], classes: usize, input: Size, selection: &Selection) {
        let threshold = selection.threshold();
        self.clear();
        for row in rows.chunks_exact(1 + BOX_LOGITS + classes) {
            let (number, logits) = (row[0] as usize, &row[1..]);
            let best = logits[BOX_LOGITS..].iter().copied();
            if best.fold(f32::NEG_INFINITY, f32::max) < threshold {
                return;
            }
            self.anchors.push(Anchor::new(number, input));
            self.logits.extend_from_slice(logits);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.anchors.len()
    }

    /// The anchor in this row, the logits of its box and of its classes.
    pub fn get(&self, row: usize) -> (Anchor, &[f32; BOX_LOGITS], &[f32]) {
        let columns = self.logits.len() / self.anchors.len();
        let (boxes, classes) =
            self.logits[row * columns..][..columns].split_first_chunk().expect("a row begins with its box's logits");
        (self.anchors[row], boxes, classes)
    }

    /// Bytes of scratch.
    pub fn bytes(&self) -> usize {
        self.ranking.capacity() * size_of::<(f32, Anchor)>()
            + self.anchors.capacity() * size_of::<Anchor>()
            + self.logits.capacity() * size_of::<f32>()
    }

    fn clear(&mut self) {
        self.ranking.clear();
        self.anchors.clear();
        self.logits.clear();
    }
}

/// Keeps the `count` largest, largest first; the second member decides ties, so that results do not depend on the
/// sort.
pub fn keep_best<T: Ord>(ranking: &mut Vec<(f32, T)>, count: usize) {
    let order = |a: &(f32, T), b: &(f32, T)| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1));
    if count < ranking.len() {
        ranking.select_nth_unstable_by(count, order);
        ranking.truncate(count);
    }
    ranking.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_counted_through_the_scales_row_by_row() {
        let input = Size { height: 64, width: 96 };
        assert_eq!(Anchor::count(input), 96 + 24 + 6);
        let anchor = |scale, y, x| Anchor { scale, y, x };
        let cases = [
            (0, anchor(0, 0, 0)),
            (95, anchor(0, 7, 11)),
            (96, anchor(1, 0, 0)),
            (96 + 13, anchor(1, 2, 1)),
            (96 + 24 + 5, anchor(2, 1, 2)),
        ];
        for (number, expected) in cases {
            assert_eq!(Anchor::new(number, input), expected);
        }
    }
}
