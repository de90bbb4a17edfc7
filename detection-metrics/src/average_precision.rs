//! One class's curves and average precision, from its detections ranked by score, as `ultralytics val` computes them.
//!
//! Average precision is the area under the precision envelope, by the trapezoid rule between 101 recalls. COCO, in
//! `coco/curve.rs`, takes the mean of steps instead, so the two differ in the third digit.

use crate::matching::THRESHOLDS;

/// Points of a curve, evenly spaced over 0..1.
pub const CURVE_POINTS: usize = 1000;
/// Recalls between which the area under precision is summed.
const RECALL_POINTS: usize = 101;

/// What a class's figures need of a detection.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    /// Confidence, 0..1.
    pub score: f32,
    /// Bit `t` is set if it is a hit at IoU threshold `t`.
    pub hits: u16,
}

/// The curves of one class, each at 1000 even steps over 0..1.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassCurves {
    /// Precision at IoU 0.5 over the score threshold.
    pub precision: Vec<f64>,
    /// Recall at IoU 0.5 over the score threshold.
    pub recall: Vec<f64>,
    /// F1 at IoU 0.5 over the score threshold.
    pub f1: Vec<f64>,
    /// Precision at IoU 0.5 over recall.
    pub precision_at_recall: Vec<f64>,
}

/// One of a class's curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Precision over the score threshold.
    Precision,
    /// Recall over the score threshold.
    Recall,
    /// F1 over the score threshold.
    F1,
    /// Precision over recall.
    PrecisionAtRecall,
}

impl ClassCurves {
    /// The values of a curve.
    pub fn values(&self, curve: Curve) -> &[f64] {
        match curve {
            Curve::Precision => &self.precision,
            Curve::Recall => &self.recall,
            Curve::F1 => &self.f1,
            Curve::PrecisionAtRecall => &self.precision_at_recall,
        }
    }
}

/// The position of curve point `index`, 0..1.
pub fn curve_position(index: usize) -> f64 {
    index as f64 / (CURVE_POINTS - 1) as f64
}

/// Average precisions at the IoU thresholds, and the curves. `ranked` is best first; `labels` is the number of labels.
pub fn average_precision(ranked: &[Ranked], labels: usize) -> ([f64; THRESHOLDS], ClassCurves) {
    if ranked.is_empty() {
        let flat = || vec![0.0; CURVE_POINTS];
        let curves = ClassCurves { precision: flat(), recall: flat(), f1: flat(), precision_at_recall: flat() };
        return ([0.0; THRESHOLDS], curves);
    }
    let loose = Ranking::new(ranked, labels, 0);
    let averages = std::array::from_fn(|threshold| Ranking::new(ranked, labels, threshold).envelope().area());
    (averages, loose.curves(ranked))
}

/// Precision and recall of the best 1, 2, 3 .. detections.
struct Ranking {
    precision: Vec<f64>,
    recall: Vec<f64>,
}

impl Ranking {
    fn new(ranked: &[Ranked], labels: usize, threshold: usize) -> Self {
        let mut found = 0;
        let (precision, recall) = ranked
            .iter()
            .enumerate()
            .map(|(index, detection)| {
                found += usize::from(detection.hits >> threshold & 1);
                (found as f64 / (index + 1) as f64, found as f64 / labels as f64)
            })
            .unzip();
        Self { precision, recall }
    }

    fn curves(&self, ranked: &[Ranked]) -> ClassCurves {
        // Negated, so that positions rise. A threshold that no score reaches finds nothing and makes no mistakes.
        let falling: Vec<f64> = ranked.iter().map(|detection| -f64::from(detection.score)).collect();
        let over_scores = |values: &[f64], beyond: f64| -> Vec<f64> {
            curve(|score| if score > -falling[0] { beyond } else { interpolate(-score, &falling, values) })
        };
        let precision = over_scores(&self.precision, 1.0);
        let recall = over_scores(&self.recall, 0.0);
        let f1 = precision.iter().zip(&recall).map(|(precision, recall)| harmonic_mean(*precision, *recall)).collect();
        let envelope = self.envelope();
        let precision_at_recall = curve(|recall| envelope.precision_at(recall));
        ClassCurves { precision, recall, f1, precision_at_recall }
    }

    /// The best precision at each recall or beyond, from recall 0 to 1.
    fn envelope(&self) -> Envelope {
        let mut recall = vec![0.0];
        recall.extend(&self.recall);
        // Beyond the last recall precision is zero: no slope from there to recall 1.
        recall.extend([self.recall[self.recall.len() - 1], 1.0]);
        let mut precision = vec![1.0];
        precision.extend(&self.precision);
        precision.extend([0.0, 0.0]);
        for index in (1..precision.len()).rev() {
            precision[index - 1] = precision[index - 1].max(precision[index]);
        }
        Envelope { recall, precision }
    }
}

struct Envelope {
    recall: Vec<f64>,
    precision: Vec<f64>,
}

impl Envelope {
    fn precision_at(&self, recall: f64) -> f64 {
        interpolate(recall, &self.recall, &self.precision)
    }

    fn area(&self) -> f64 {
        let step = 1.0 / (RECALL_POINTS - 1) as f64;
        let precisions: Vec<f64> = (0..RECALL_POINTS).map(|index| self.precision_at(index as f64 * step)).collect();
        precisions.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0 * step).sum()
    }
}

/// 2PR / (P + R), or 0 if both are 0.
fn harmonic_mean(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

fn curve(at: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..CURVE_POINTS).map(|index| at(curve_position(index))).collect()
}

/// Linear between the points, constant outside; of several values at one position, the last.
fn interpolate(at: f64, positions: &[f64], values: &[f64]) -> f64 {
    let after = positions.partition_point(|position| *position <= at);
    match (after.checked_sub(1), positions.get(after)) {
        (None, _) => values[0],
        (Some(last), None) => values[last],
        (Some(before), Some(next)) => {
            let slope = (values[after] - values[before]) / (next - positions[before]);
            values[before] + slope * (at - positions[before])
        }
    }
}
