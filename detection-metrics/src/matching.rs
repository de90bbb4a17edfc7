//! Which detection of one picture belongs to which label, as `ultralytics val` decides it.
//!
//! Greedy: best detection first, each takes of the labels still free the one it overlaps most. COCO's rule in
//! `coco_eval.rs` is the same but for crowds and labels to be ignored.

use crate::bounds::{Detection, Label};

/// How many IoU thresholds: 0.50, 0.55, .. 0.95.
pub const THRESHOLDS: usize = 10;

/// Whether an IoU is enough for a hit at threshold number `index`: at least 0.5 + 0.05 `index`.
fn suffices(iou: f64, index: usize) -> bool {
    // In f32, as the reference has it: an IoU of exactly 0.65 must reach 0.5 + 3 * 0.05.
    iou as f32 >= (0.5 + 0.05 * index as f64) as f32
}

/// The IoU of every detection with every label: `overlaps[detection][label]`.
pub fn overlaps(detections: &[Detection], labels: &[Label]) -> Vec<Vec<f64>> {
    detections.iter().map(|detection| labels.iter().map(|label| detection.bounds.iou(label.bounds)).collect()).collect()
}

/// The label each detection gets, best detection first; only pairs that are `admissible(detection, label)` count.
pub fn assign(overlaps: &[Vec<f64>], admissible: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    let mut taken = vec![false; overlaps.first().map_or(0, Vec::len)];
    overlaps
        .iter()
        .enumerate()
        .map(|(detection, row)| {
            let best = (0..row.len())
                .filter(|&label| !taken[label] && admissible(detection, label))
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
            taken[best] = true;
            Some(best)
        })
        .collect()
}

/// For each detection, at which IoU thresholds it hits a label of its class; bit `t` belongs to 0.5 + 0.05 `t`.
pub fn hits(detections: &[Detection], labels: &[Label], overlaps: &[Vec<f64>]) -> Vec<u16> {
    let mut hits = vec![0; detections.len()];
    for index in 0..THRESHOLDS {
        let assigned = assign(overlaps, |detection, label| {
            detections[detection].class == labels[label].class && suffices(overlaps[detection][label], index)
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
        let overlaps = [vec![0.90, 0.10], vec![0.92, 0.80]];
        let at = |minimum: f64| assign(&overlaps, |detection, label| overlaps[detection][label] >= minimum);
        assert_eq!(at(0.5), [Some(0), Some(1)]);
        assert_eq!(at(0.85), [Some(0), None]);
    }
}
