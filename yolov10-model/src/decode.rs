//! From raw maps to detections, as the reference's `v10postprocess` has it (arXiv:2405.14458 §3.2): no NMS.
//!
//! Anchors are ranked by their best class, the kept anchors' classes are ranked once more, and only the boxes that
//! are left are decoded. Scores below the threshold can't push others out, so they are dropped before the ranking.

use yolov10_cpu::MapView;

use crate::detection::{Detection, Rect};
use crate::head::{REG_MAX, RawMaps, SIDES};

/// Pixels of the input between neighbouring cells of P3, P4, P5.
pub const STRIDES: [usize; 3] = [8, 16, 32];
/// Detections of one picture unless asked otherwise.
pub const MAX_DETECTIONS: usize = 300;

/// Which detections to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// A detection's score is above this, 0..1.
    pub confidence: f32,
    /// The best so many are kept.
    pub max_detections: usize,
    /// Only these classes; all where it is `None`.
    pub classes: Option<Vec<usize>>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { confidence: 0.25, max_detections: MAX_DETECTIONS, classes: None }
    }
}

/// One cell of one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Anchor {
    scale: u8,
    y: u16,
    x: u16,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    logit: f32,
    anchor: Anchor,
    class: u32,
}

/// Ranks candidates and decodes the best; keeps its scratch between pictures.
#[derive(Debug, Default)]
pub struct Decoder {
    anchors: Vec<Candidate>,
    candidates: Vec<Candidate>,
}

impl Decoder {
    /// The detections of one picture, best first, in pixels of the network's input.
    pub fn decode(&mut self, maps: &RawMaps<MapView<'_>>, selection: &Selection) -> Vec<Detection> {
        // With a class filter the reference ranks its usual 300 and cuts after the filter.
        let ranked = match selection.classes {
            Some(_) => selection.max_detections.max(MAX_DETECTIONS),
            None => selection.max_detections,
        };
        self.rank_anchors(maps, logit(selection.confidence));
        keep_best(&mut self.anchors, ranked);
        self.rank_classes(maps, logit(selection.confidence));
        keep_best(&mut self.candidates, ranked);
        self.candidates
            .iter()
            .map(|candidate| (candidate, sigmoid(candidate.logit)))
            .filter(|(candidate, score)| {
                let wanted = |classes: &Vec<usize>| classes.contains(&(candidate.class as usize));
                *score > selection.confidence && selection.classes.as_ref().is_none_or(wanted)
            })
            .take(selection.max_detections)
            .map(|(candidate, score)| Detection {
                class: candidate.class as usize,
                score,
                rect: decode_box(maps, candidate.anchor),
            })
            .collect()
    }

    /// Every anchor whose best class may pass, with that class.
    fn rank_anchors(&mut self, maps: &RawMaps<MapView<'_>>, threshold: f32) {
        self.anchors.clear();
        for (scale, logits) in maps.classes.iter().enumerate() {
            for y in 0..logits.height {
                for x in 0..logits.width {
                    let logit = logits.max_over_channels(y, x);
                    if logit >= threshold {
                        let anchor = Anchor { scale: scale as u8, y: y as u16, x: x as u16 };
                        self.anchors.push(Candidate { logit, anchor, class: 0 });
                    }
                }
            }
        }
    }

    /// Every class of the kept anchors that may pass.
    fn rank_classes(&mut self, maps: &RawMaps<MapView<'_>>, threshold: f32) {
        self.candidates.clear();
        for &Candidate { anchor, .. } in &self.anchors {
            let logits = &maps.classes[usize::from(anchor.scale)];
            for class in 0..logits.channels {
                let logit = logits.get(class, usize::from(anchor.y), usize::from(anchor.x));
                if logit >= threshold {
                    self.candidates.push(Candidate { logit, anchor, class: class as u32 });
                }
            }
        }
    }
}

/// Leaves the `count` best, best first; equal scores go by position, so that results do not depend on the sort.
fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    let order = |a: &Candidate, b: &Candidate| b.logit.total_cmp(&a.logit).then((a.anchor, a.class).cmp(&(b.anchor, b.class)));
    if count < candidates.len() {
        candidates.select_nth_unstable_by(count, order);
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(order);
}

/// The expected distance of each side from the anchor's centre (DFL, arXiv:2006.04388), as a rectangle of the input.
fn decode_box(maps: &RawMaps<MapView<'_>>, anchor: Anchor) -> Rect {
    let scale = usize::from(anchor.scale);
    let stride = STRIDES[scale] as f32;
    let [left, top, right, bottom] = std::array::from_fn::<f32, SIDES, _>(|side| {
        let bin = |bin| maps.boxes[scale].get(side * REG_MAX + bin, usize::from(anchor.y), usize::from(anchor.x));
        let logits: [f32; REG_MAX] = std::array::from_fn(bin);
        expectation(logits)
    });
    let (x, y) = (f32::from(anchor.x) + 0.5, f32::from(anchor.y) + 0.5);
    Rect {
        x1: (x - left) * stride,
        y1: (y - top) * stride,
        x2: (x + right) * stride,
        y2: (y + bottom) * stride,
    }
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

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A bound below the inverse of [`sigmoid`]: what is under it can't have a score above `score`.
fn logit(score: f32) -> f32 {
    // Near 1 neighbouring logits round to one score: there the bound must keep its distance.
    const STEEPEST: f32 = 0.999;
    const MARGIN: f32 = 1e-3;
    if score <= 0.0 {
        return f32::NEG_INFINITY;
    }
    let score = score.min(STEEPEST);
    (score / (1.0 - score)).ln() - MARGIN
}
