//! One category in one picture: which detections are right, wrong, or neither, at each IoU threshold.

use super::annotations::Annotation;
use super::predictions::Prediction;
use crate::matching::THRESHOLDS;

/// The most detections of one category in one picture that count.
pub const MAX_DETECTIONS: usize = 100;

/// The areas that count, in square pixels, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct AreaRange {
    least: f64,
    most: f64,
}

impl AreaRange {
    /// Everything.
    pub const ALL: Self = Self { least: 0.0, most: 1e10 };
    /// Up to 32x32.
    pub const SMALL: Self = Self { least: 0.0, most: 1024.0 };
    /// Between 32x32 and 96x96.
    pub const MEDIUM: Self = Self { least: 1024.0, most: 9216.0 };
    /// 96x96 and more.
    pub const LARGE: Self = Self { least: 9216.0, most: 1e10 };

    fn lacks(self, area: f64) -> bool {
        area < self.least || area > self.most
    }
}

/// What became of a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It hits a label.
    Right,
    /// It hits nothing, or something that was hit before.
    Wrong,
    /// It hits a crowd or a label outside the area range, or hits nothing and is itself outside the range.
    Ignored,
}

/// The labels and detections of one category in one picture.
#[derive(Debug, Default)]
pub struct Scene<'a> {
    labels: Vec<&'a Annotation>,
    /// Best first.
    detections: Vec<&'a Prediction>,
    /// `overlaps[detection][label]`.
    overlaps: Vec<Vec<f64>>,
}

/// The verdicts on a scene.
#[derive(Debug)]
pub struct Judged {
    /// Labels that should be found.
    pub labels: usize,
    /// For each detection, best first, its score and the verdict at each threshold.
    pub detections: Vec<(f64, [Verdict; THRESHOLDS])>,
}

impl<'a> Scene<'a> {
    pub fn new(labels: Vec<&'a Annotation>, mut detections: Vec<&'a Prediction>) -> Self {
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        detections.truncate(MAX_DETECTIONS);
        let row = |detection: &&Prediction| labels.iter().map(|label| overlap(detection.bbox, label)).collect();
        let overlaps = detections.iter().map(row).collect();
        Self { labels, detections, overlaps }
    }

    pub fn judge(&self, range: AreaRange) -> Judged {
        let ignored: Vec<bool> = self.labels.iter().map(|label| label.crowd || range.lacks(label.area)).collect();
        // Labels that count come first: once one of them is hit, it is never given up for one that does not.
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.sort_by_key(|&label| ignored[label]);
        let mut detections: Vec<_> =
            self.detections.iter().map(|detection| (detection.score, [Verdict::Wrong; THRESHOLDS])).collect();
        for threshold in 0..THRESHOLDS {
            let mut taken = vec![false; self.labels.len()];
            for (index, (_, verdicts)) in detections.iter_mut().enumerate() {
                let label = self.best_label(index, iou_threshold(threshold), &order, &ignored, &taken);
                let [.., width, height] = self.detections[index].bbox;
                verdicts[threshold] = match label {
                    Some(label) if ignored[label] => Verdict::Ignored,
                    Some(_) => Verdict::Right,
                    None if range.lacks(width * height) => Verdict::Ignored,
                    None => Verdict::Wrong,
                };
                if let Some(label) = label {
                    taken[label] = true;
                }
            }
        }
        Judged { labels: ignored.iter().filter(|ignored| !**ignored).count(), detections }
    }

    fn best_label(
        &self,
        detection: usize,
        least: f64,
        order: &[usize],
        ignored: &[bool],
        taken: &[bool],
    ) -> Option<usize> {
        let mut best = None;
        // Identical boxes must reach thresholds close to 1.
        let mut best_overlap = least.min(1.0 - 1e-10);
        for &label in order {
            if best.is_some_and(|best: usize| !ignored[best] && ignored[label]) {
                break;
            }
            let free = !taken[label] || self.labels[label].crowd;
            if free && self.overlaps[detection][label] >= best_overlap {
                best_overlap = self.overlaps[detection][label];
                best = Some(label);
            }
        }
        best
    }
}

/// numpy's `linspace(0.5, 0.95, 10)` to the last bit, because an IoU may lie exactly on a threshold.
pub fn iou_threshold(index: usize) -> f64 {
    if index == THRESHOLDS - 1 { 0.95 } else { index as f64 * ((0.95 - 0.5) / (THRESHOLDS - 1) as f64) + 0.5 }
}

/// IoU; for a crowd, the share of the detection that lies in it.
fn overlap([x, y, width, height]: [f64; 4], label: &Annotation) -> f64 {
    let [label_x, label_y, label_width, label_height] = label.bbox;
    let shared_width = (x + width).min(label_x + label_width) - x.max(label_x);
    let shared_height = (y + height).min(label_y + label_height) - y.max(label_y);
    if shared_width <= 0.0 || shared_height <= 0.0 {
        return 0.0;
    }
    let (shared, area) = (shared_width * shared_height, width * height);
    shared / if label.crowd { area } else { area + label_width * label_height - shared }
}
