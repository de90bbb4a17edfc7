//! Which detection in a picture belongs to which label, decided as by `ultralytics val`.
//!
//! Greedy: from the best detection on, each takes the free label that it overlaps most. COCO's rule, in `coco/matching.rs`,
//! is the same except for crowds and ignored labels.

use std::collections::HashSet;

use crate::bounds::{Detection, Label};

/// How many IoU thresholds there are: 0.50, 0.55, .. 0.95.
pub const THRESHOLDS: usize = 10;
/// Indices of the thresholds 0.50 and 0.75.
pub const AT_50: usize = 0;
pub const AT_75: usize = 5;

/// Whether an IoU is enough for a hit at threshold number `index`: at least 0.5 + 0.05 `index`.
fn suffices(iou: f64, index: usize) -> bool {
    // In f32, like the reference: an IoU of exactly 0.65 must reach 0.5 + 3 * 0.05.
    iou as f32 >= (0.5 + 0.05 * index as f64) as f32
}

/// Pairs with this IoU or less never belong together; the confusion matrix needs more.
pub const LEAST_IOU: f64 = 0.45;

/// A label that a detection overlaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Which of the picture's labels.
    pub label: usize,
    /// By how much: more than [`LEAST_IOU`].
    pub iou: f64,
}

/// For every detection the labels that it may belong to, in their order. They are few, while a table of all pairs would be
/// large.
pub fn overlaps(detections: &[Detection], labels: &[Label]) -> Vec<Vec<Overlap>> {
    let with_all = |detection: &Detection| -> Vec<Overlap> {
        let ious = labels.iter().map(|label| detection.bounds.iou(label.bounds)).enumerate();
        ious.filter(|(_, iou)| *iou > LEAST_IOU).map(|(label, iou)| Overlap { label, iou }).collect()
    };
    detections.iter().map(with_all).collect()
}

/// The label that each detection gets, from the best one on; only pairs that are `admissible(detection, overlap)` count.
pub fn assign(overlaps: &[Vec<Overlap>], admissible: impl Fn(usize, Overlap) -> bool) -> Vec<Option<usize>> {
    let mut taken = HashSet::new();
    overlaps
        .iter()
        .enumerate()
        .map(|(detection, row)| {
            let free = row.iter().filter(|overlap| !taken.contains(&overlap.label) && admissible(detection, **overlap));
            let best = free.max_by(|a, b| a.iou.total_cmp(&b.iou))?.label;
            taken.insert(best);
            Some(best)
        })
        .collect()
}

/// For each detection, the IoU thresholds at which it hits a label of its class; bit `t` stands for 0.5 + 0.05 `t`.
pub fn hits(detections: &[Detection], labels: &[Label], overlaps: &[Vec<Overlap>]) -> Vec<u16> {
    let mut hits = vec![0; detections.len()];
    for index in 0..THRESHOLDS {
        let assigned = assign(overlaps, |detection, Overlap { label, iou }| {
            detections[detection].class == labels[label].class && suffices(iou, index)
        });
        for (hit, label) in hits.iter_mut().zip(assigned) {
            *hit |= u16::from(label.is_some()) << index;
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detection_takes_its_second_best_label_when_the_best_is_gone() {
        let both = |ious: [f64; 2]| vec![Overlap { label: 0, iou: ious[0] }, Overlap { label: 1, iou: ious[1] }];
        let overlaps = [both([0.90, 0.50]), both([0.92, 0.80])];
        let at = |minimum: f64| assign(&overlaps, |_, overlap| overlap.iou >= minimum);
        assert_eq!(at(0.5), [Some(0), Some(1)]);
        assert_eq!(at(0.85), [Some(0), None]);
    }
}
