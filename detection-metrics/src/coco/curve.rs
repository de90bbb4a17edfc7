//! One category in all pictures: average precision and recall, from its judged detections.

use super::matching::{Judged, Verdict};
use crate::matching::THRESHOLDS;

/// Recalls at which precision is read: 0.00, 0.01, .. 1.00.
const RECALL_POINTS: usize = 101;

/// One category's figures at each IoU threshold.
#[derive(Clone, Copy, Debug)]
pub struct Accumulated {
    /// Mean over 101 recalls of the best precision at that recall or beyond.
    pub precision: [f64; THRESHOLDS],
    /// Share of the labels found.
    pub recall: [f64; THRESHOLDS],
}

/// Figures from the `best` detections in each picture; `None` if there is nothing to find.
pub fn accumulate(pictures: &[Judged], best: usize) -> Option<Accumulated> {
    let labels: usize = pictures.iter().map(|picture| picture.labels).sum();
    if labels == 0 {
        return None;
    }
    let mut ranked: Vec<_> = pictures.iter().flat_map(|picture| picture.detections.iter().take(best)).collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let figures: [(f64, f64); THRESHOLDS] = std::array::from_fn(|threshold| {
        precision_recall(ranked.iter().map(|(_, verdicts)| verdicts[threshold]), labels)
    });
    Some(Accumulated { precision: figures.map(|(precision, _)| precision), recall: figures.map(|(_, recall)| recall) })
}

/// Average precision and last recall.
fn precision_recall(verdicts: impl Iterator<Item = Verdict>, labels: usize) -> (f64, f64) {
    let (mut right, mut wrong) = (0, 0);
    let (recall, mut precision): (Vec<f64>, Vec<f64>) = verdicts
        .filter(|verdict| *verdict != Verdict::Ignored)
        .map(|verdict| {
            match verdict {
                Verdict::Right => right += 1,
                Verdict::Wrong | Verdict::Ignored => wrong += 1,
            }
            (f64::from(right) / labels as f64, f64::from(right) / f64::from(right + wrong))
        })
        .unzip();
    for index in (1..precision.len()).rev() {
        precision[index - 1] = precision[index - 1].max(precision[index]);
    }
    let at = |point: usize| {
        let wanted = point as f64 * 0.01;
        let first = recall.partition_point(|reached| *reached < wanted);
        precision.get(first).copied().unwrap_or(0.0)
    };
    ((0..RECALL_POINTS).map(at).sum::<f64>() / RECALL_POINTS as f64, recall.last().copied().unwrap_or(0.0))
}
