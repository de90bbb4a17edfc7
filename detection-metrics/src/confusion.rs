//! The confusion matrix: what was mistaken for what, counted as by `ultralytics val`.

use crate::bounds::{Detection, Label};
use crate::matching::{Overlap, assign};

/// How often each class was taken for each class; the last row and column are the background.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ConfusionMatrix {
    /// Detections count above this score.
    pub above_score: f32,
    /// `counts[predicted][true]`, `[classes + 1][classes + 1]`.
    pub counts: Vec<Vec<u64>>,
}

impl ConfusionMatrix {
    pub(crate) fn new(classes: usize, above_score: f32) -> Self {
        Self { above_score, counts: vec![vec![0; classes + 1]; classes + 1] }
    }

    /// The index of the background's row and column.
    pub fn background(&self) -> usize {
        self.counts.len().saturating_sub(1)
    }

    /// Counts one picture; `detections` are best first.
    pub(crate) fn add(&mut self, detections: &[Detection], labels: &[Label], overlaps: &[Vec<Overlap>]) {
        let background = self.background();
        let confident = detections.iter().take_while(|detection| detection.score > self.above_score).count();
        let overlaps = &overlaps[..confident];
        // Classes do not matter: all pairs that overlap enough are admissible.
        let assigned = assign(overlaps, |_, _| true);
        let mut found = vec![background; labels.len()];
        for (detection, label) in detections.iter().zip(assigned) {
            match label {
                Some(label) => found[label] = detection.class,
                None => self.counts[detection.class][background] += 1,
            }
        }
        for (label, predicted) in labels.iter().zip(found) {
            self.counts[predicted][label.class] += 1;
        }
    }
}
