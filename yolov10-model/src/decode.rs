//! From raw maps to detections: the one-to-one head like the reference's `v10postprocess` (arXiv:2405.14458 §3.2),
//! without NMS, and the one-to-many head with it.
//!
//! Anchors are ranked by their best class, then the classes of the kept anchors are ranked, and only the boxes that
//! remain are decoded. Scores below the threshold can't push others out, so they are dropped before the ranking.
//! Weights are finite, but their products may overflow: a score or box that is not a number is not a detection.

use crate::anchors::{Anchor, Anchors, BOX_LOGITS, keep_best};
use crate::detection::{Detection, Rect};
use crate::network::{REG_MAX, STRIDES};
use crate::score::sigmoid;
use crate::selection::Selection;
use crate::suppression::{Assignment, Suppression};

/// Turns anchors into detections; keeps its scratch memory between pictures.
#[derive(Debug, Default)]
pub struct Decoder {
    candidates: Vec<(f32, Candidate)>,
}

/// A class of an anchor that may be a detection. Among equal logits, the first anchor's first class comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    anchor: Anchor,
    class: usize,
    row: usize,
}

impl Decoder {
    /// The detections among the anchors that `selection` ranked best in one picture, best first, in pixels of the
    /// network's input.
    pub fn decode(&mut self, anchors: &Anchors, selection: &Selection) -> Vec<Detection> {
        match selection.assignment {
            Assignment::OneToOne => self.decode_one(anchors, selection),
            Assignment::OneToMany(suppression) => decode_many(anchors, selection, suppression),
        }
    }

    /// The one-to-one head's detections: the best of the best anchors' classes.
    fn decode_one(&mut self, anchors: &Anchors, selection: &Selection) -> Vec<Detection> {
        let threshold = selection.threshold().max(least_of_enough(anchors, selection.ranked()));
        self.candidates.clear();
        for row in 0..anchors.count() {
            let (anchor, _, classes) = anchors.get(row);
            let passing = classes.iter().enumerate().filter(|(_, logit)| **logit >= threshold);
            self.candidates.extend(passing.map(|(class, logit)| (*logit, Candidate { anchor, class, row })));
        }
        keep_best(&mut self.candidates, selection.ranked());
        let found = self
            .candidates
            .iter()
            .map(|(logit, candidate)| (sigmoid(*logit), candidate))
            .filter(|(score, candidate)| *score > selection.confidence && selection.wants(candidate.class))
            .filter_map(|(score, candidate)| {
                let (anchor, sides, _) = anchors.get(candidate.row);
                let rect = decode_box(anchor, sides)?;
                Some(Detection { class: candidate.class, score, rect })
            })
            .take(selection.max_detections);
        // One allocation, however many pass.
        let mut detections = Vec::with_capacity(self.candidates.len().min(selection.max_detections));
        detections.extend(found);
        detections
    }

    /// Bytes of its scratch memory.
    pub(crate) fn bytes(&self) -> usize {
        self.candidates.capacity() * size_of::<(f32, Candidate)>()
    }
}

/// A bound that none of the `count` best logits is below: if there are as many anchors, each has one that is no worse than
/// the best of the last anchor.
fn least_of_enough(anchors: &Anchors, count: usize) -> f32 {
    match anchors.count().checked_sub(1) {
        Some(last) if last + 1 >= count => anchors.get(last).2.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        _ => f32::NEG_INFINITY,
    }
}

/// The one-to-many head's detections, filtered by NMS: the best class of each anchor (the first among equals), or every
/// class that scores enough.
fn decode_many(anchors: &Anchors, selection: &Selection, suppression: Suppression) -> Vec<Detection> {
    // The reference visits the anchors in this order, which decides between equal scores.
    let mut rows: Vec<usize> = (0..anchors.count()).collect();
    rows.sort_unstable_by_key(|row| anchors.get(*row).0);
    let mut found = Vec::new();
    for row in rows {
        let (anchor, sides, logits) = anchors.get(row);
        let best = logits.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let is_label = |class: usize| suppression.multi_label || best.is_some_and(|(best, _)| class == best);
        let labels = logits.iter().map(|logit| sigmoid(*logit)).enumerate();
        let mut labels = labels
            .filter(|(class, score)| *score > selection.confidence && is_label(*class) && selection.wants(*class))
            .peekable();
        if let Some(rect) = labels.peek().and_then(|_| decode_box(anchor, sides)) {
            found.extend(labels.map(|(class, score)| Detection { class, score, rect }));
        }
    }
    suppression.apply(found, selection.max_detections)
}

/// The expected distance of each side from the anchor's centre (DFL, arXiv:2006.04388), as a rectangle of the input;
/// `None` if they are not finite.
fn decode_box(anchor: Anchor, sides: &[f32; BOX_LOGITS]) -> Option<Rect> {
    let stride = STRIDES[usize::from(anchor.scale)] as f32;
    let (sides, _) = sides.as_chunks::<REG_MAX>();
    let [left, top, right, bottom] = std::array::from_fn(|side| expectation(sides[side]));
    let (x, y) = (f32::from(anchor.x) + 0.5, f32::from(anchor.y) + 0.5);
    let rect =
        Rect { x1: (x - left) * stride, y1: (y - top) * stride, x2: (x + right) * stride, y2: (y + bottom) * stride };
    rect.is_finite().then_some(rect)
}

/// The mean of 0, 1, .. under the softmax of `logits`.
fn expectation(logits: [f32; REG_MAX]) -> f32 {
    let largest = logits.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let (mut weighted, mut total) = (0.0, 0.0);
    for (bin, logit) in logits.into_iter().enumerate() {
        let share = (logit - largest).exp();
        weighted += bin as f32 * share;
        total += share;
    }
    weighted / total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use yolov10_cpu::MapView;

    use super::*;
    use crate::network::{RawMaps, SIDES};

    const GRIDS: [(usize, usize); 3] = [(4, 6), (2, 3), (1, 2)];

    /// Box and class maps of a 32x48 input, `[C, H, W]` each, with `classes` classes.
    struct Maps {
        boxes: [Vec<f32>; 3],
        classes: [Vec<f32>; 3],
        count: usize,
    }

    impl Maps {
        /// Numbers from a linear congruence: equal logits are practically impossible.
        fn new(seed: u32, count: usize) -> Self {
            let mut state = seed | 1;
            let mut map = |channels: usize, (height, width): (usize, usize)| {
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f32::from((state >> 16) as u16) / 6553.6 - 5.0
                };
                (0..channels * height * width).map(|_| next()).collect()
            };
            Self {
                boxes: GRIDS.map(|grid| map(SIDES * REG_MAX, grid)),
                classes: GRIDS.map(|grid| map(count, grid)),
                count,
            }
        }

        fn view(&self) -> RawMaps<MapView<'_>> {
            fn views(maps: &[Vec<f32>; 3], channels: usize) -> [MapView<'_>; 3] {
                std::array::from_fn(|scale| {
                    let (height, width) = GRIDS[scale];
                    MapView::planar(&maps[scale], channels, height, width)
                })
            }
            RawMaps { boxes: views(&self.boxes, SIDES * REG_MAX), classes: views(&self.classes, self.count) }
        }
    }

    fn decode(maps: &Maps, selection: &Selection) -> Vec<Detection> {
        let mut anchors = Anchors::default();
        anchors.rank(&maps.view(), selection);
        Decoder::default().decode(&anchors, selection)
    }

    /// Scores in order, and the classes of all but the lowest: among equal scores the reference promises neither an order
    /// nor which of them still makes it.
    #[derive(Debug, PartialEq)]
    struct Ranking {
        scores: Vec<f32>,
        above_the_lowest: Vec<(usize, f32)>,
    }

    impl Ranking {
        fn new(mut found: Vec<(usize, f32)>) -> Self {
            let scores: Vec<f32> = found.iter().map(|(_, score)| *score).collect();
            found.retain(|(_, score)| Some(score) > scores.last());
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            Self { scores, above_the_lowest: found }
        }
    }

    /// The reference's way, step by step: all scores, the best anchors, the best of their classes, the threshold.
    fn naive(maps: &RawMaps<MapView<'_>>, selection: &Selection) -> Vec<(usize, f32, Anchor)> {
        let ranked =
            if selection.classes.is_some() { selection.max_detections.max(300) } else { selection.max_detections };
        let mut anchors = Vec::new();
        for (scale, (height, width)) in GRIDS.into_iter().enumerate() {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let scores: Vec<f32> = (0..maps.classes[scale].channels)
                    .map(|class| sigmoid(maps.classes[scale].get(class, y, x)))
                    .collect();
                anchors.push((Anchor { scale: scale as u8, y: y as u16, x: x as u16 }, scores));
            }
        }
        let best = |scores: &[f32]| scores.iter().copied().fold(0.0, f32::max);
        anchors.sort_by(|(_, a), (_, b)| best(b).total_cmp(&best(a)));
        anchors.truncate(ranked);
        let mut all: Vec<(usize, f32, Anchor)> = anchors
            .iter()
            .flat_map(|(anchor, scores)| scores.iter().enumerate().map(|(class, score)| (class, *score, *anchor)))
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(ranked);
        all.retain(|(class, score, _)| {
            *score > selection.confidence && selection.classes.as_ref().is_none_or(|classes| classes.contains(class))
        });
        all.truncate(selection.max_detections);
        all
    }

    proptest! {
        #[test]
        fn ranking_on_logits_keeps_what_the_reference_keeps(
            seed: u32, count in 1..9_usize, confidence in 0.0..1.0_f32, max_detections in 0..60_usize, one_class: bool,
        ) {
            let maps = Maps::new(seed, count);
            let classes = one_class.then(|| vec![count / 2]);
            let selection = Selection { confidence, max_detections, classes, ..Selection::default() };
            let found = decode(&maps, &selection);
            let found = found.iter().map(|detection| (detection.class, detection.score)).collect();
            let expected = naive(&maps.view(), &selection).iter().map(|(class, score, _)| (*class, *score)).collect();
            let (found, expected) = (Ranking::new(found), Ranking::new(expected));
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn each_class_of_an_anchor_that_scores_enough_is_a_detection_on_request() {
        let maps = Maps::new(5, 6);
        // Nothing overlaps another box by more than all of it.
        let suppression = Suppression { iou: 1.0, ..Suppression::default() };
        let found = |multi_label, confidence| {
            let assignment = Assignment::OneToMany(Suppression { multi_label, ..suppression });
            let selection = Selection { confidence, max_detections: 10_000, assignment, ..Selection::default() };
            decode(&maps, &selection)
        };
        let scores = |scale: usize, (height, width): (usize, usize)| {
            let cells = height * width;
            let class_map = &maps.classes[scale];
            (0..cells)
                .map(move |cell| (0..6).map(|class| sigmoid(class_map[class * cells + cell])).collect::<Vec<f32>>())
        };
        let anchors: Vec<Vec<f32>> = GRIDS.into_iter().enumerate().flat_map(|(at, grid)| scores(at, grid)).collect();
        for confidence in [0.001, 0.3, 0.9] {
            let above = |scores: &Vec<f32>| scores.iter().filter(|score| **score > confidence).count();
            let all: usize = anchors.iter().map(above).sum();
            let any = anchors.iter().filter(|scores| above(scores) > 0).count();
            assert_eq!([found(true, confidence).len(), found(false, confidence).len()], [all, any], "{confidence}");
        }
    }

    #[test]
    fn a_box_is_its_anchors_centre_plus_the_expected_distances() {
        const CERTAIN: f32 = 50.0;
        let mut maps = Maps::new(1, 1);
        for (scale, (height, width)) in GRIDS.into_iter().enumerate() {
            maps.classes[scale].fill(-9.0);
            maps.boxes[scale] = vec![0.0; SIDES * REG_MAX * height * width];
        }
        // P4, row 1, column 2: left 1, top 3, right 5; bottom is the mean of a uniform distribution.
        let (height, width) = GRIDS[1];
        let cell = width + 2;
        maps.classes[1][cell] = 3.0;
        for (side, bin) in [(0, 1), (1, 3), (2, 5)] {
            maps.boxes[1][(side * REG_MAX + bin) * height * width + cell] = CERTAIN;
        }
        let found = decode(&maps, &Selection::default());
        let rect =
            Rect { x1: (2.5 - 1.0) * 16.0, y1: (1.5 - 3.0) * 16.0, x2: (2.5 + 5.0) * 16.0, y2: (1.5 + 7.5) * 16.0 };
        assert_eq!(found, [Detection { class: 0, score: sigmoid(3.0), rect }]);
    }

    #[test]
    fn more_than_the_usual_300_are_kept_on_request() {
        let maps = Maps::new(7, 40);
        let selection = Selection { confidence: 0.0, max_detections: 1000, classes: None, ..Selection::default() };
        assert_eq!(decode(&maps, &selection).len(), 1000);
    }

    #[test]
    fn what_is_not_a_number_is_no_detection() {
        let everything =
            |assignment| Selection { confidence: 0.0, max_detections: 1000, assignment, ..Selection::default() };
        for assignment in
            [Assignment::OneToOne, Assignment::OneToMany(Suppression { iou: 1.0, ..Suppression::default() })]
        {
            let mut maps = Maps::new(3, 2);
            let sound = decode(&maps, &everything(assignment)).len();
            // In P3: one anchor's box, the first class of a second and both of a third; infinity is a valid score, but
            // not a distance.
            let (height, width) = GRIDS[0];
            let cells = height * width;
            maps.boxes[0][0] = f32::NAN;
            maps.boxes[0][1] = f32::INFINITY;
            maps.classes[0][2] = f32::NAN;
            maps.classes[0][3] = f32::NAN;
            maps.classes[0][cells + 3] = f32::NAN;
            let found = decode(&maps, &everything(assignment));
            assert!(found.iter().all(|found| found.score.is_finite() && found.rect.is_finite()));
            let lost = match assignment {
                Assignment::OneToOne => 2 + 2 + 1 + 2,
                // An anchor with one class left is found by that class.
                Assignment::OneToMany(_) => 1 + 1 + 1 + 1,
            };
            assert_eq!(found.len(), sound - lost, "{assignment:?}");
        }
    }
}
