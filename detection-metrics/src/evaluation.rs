//! From single pictures to the figures of a whole data set, as `ultralytics val` reports them.

use crate::average_precision::{CURVE_POINTS, ClassCurves, Curve, Ranked, average_precision};
use crate::bounds::{Detection, Label};
use crate::class_names::MAX_CLASSES;
use crate::confusion::ConfusionMatrix;
use crate::error::Error;
use crate::matching::{AT_50, AT_75, THRESHOLDS, hits, overlaps};

/// F1 is averaged over this many points before the best one is looked for: a tenth of the curve, made odd.
const SMOOTHING: usize = CURVE_POINTS / 10 + 1;

/// Collects what was found in each picture and what is there. It keeps a few bytes per detection and no boxes.
#[derive(Clone, Debug)]
pub struct Evaluator {
    classes: Vec<Tally>,
    images: usize,
    confusion: ConfusionMatrix,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    images: usize,
    labels: usize,
    ranked: Vec<Ranked>,
}

/// How good a detector is on a data set.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Number of pictures.
    pub images: usize,
    /// Number of labels in them.
    pub labels: usize,
    /// The mean over `classes`.
    pub mean: Figures,
    /// The classes that have labels, by number.
    pub classes: Vec<ClassEvaluation>,
    /// What was mistaken for what.
    pub confusion: ConfusionMatrix,
}

/// The figures of one class or of all, each 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Precision at IoU 0.5, at the score threshold that is best for the mean F1 of all classes.
    pub precision: f64,
    /// Recall at the same point.
    pub recall: f64,
    /// F1 at the same point.
    pub f1: f64,
    /// Average precision at IoU 0.5.
    pub ap50: f64,
    /// Average precision at IoU 0.75.
    pub ap75: f64,
    /// Mean of the average precisions at IoU 0.50, 0.55, .. 0.95.
    pub ap50_95: f64,
}

/// One class.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClassEvaluation {
    /// Index into the class names.
    pub class: usize,
    /// Pictures with a label of this class.
    pub images: usize,
    /// Labels of this class.
    pub labels: usize,
    /// The class's figures.
    pub figures: Figures,
    /// Average precision at IoU 0.50, 0.55, .. 0.95.
    pub average_precisions: [f64; THRESHOLDS],
    /// The class's curves; serde skips these thousands of numbers.
    #[serde(skip)]
    pub curves: ClassCurves,
}

impl Evaluator {
    /// For a detector with this many classes. Averages and curves use all detections; the confusion matrix uses those with
    /// scores above `confusion_above`.
    ///
    /// # Errors
    /// More than 10,000 classes: the matrix has the square of their number.
    pub fn new(classes: usize, confusion_above: f32) -> Result<Self, Error> {
        if classes > MAX_CLASSES {
            return Err(Error::TooManyClasses { limit: MAX_CLASSES, found: classes });
        }
        let confusion = ConfusionMatrix::new(classes, confusion_above);
        Ok(Self { classes: vec![Tally::default(); classes], images: 0, confusion })
    }

    /// Adds one picture. Detections may be in any order; detections and labels must use the same coordinates, whatever they
    /// are.
    ///
    /// # Errors
    /// A class number beyond the number of classes.
    pub fn add(&mut self, detections: &[Detection], labels: &[Label]) -> Result<(), Error> {
        let mut classes = detections.iter().map(|found| found.class).chain(labels.iter().map(|label| label.class));
        if let Some(found) = classes.find(|&class| class >= self.classes.len()) {
            return Err(Error::UnknownClass { found, classes: self.classes.len() });
        }
        let mut detections = detections.to_vec();
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        let overlaps = overlaps(&detections, labels);
        for (detection, hits) in detections.iter().zip(hits(&detections, labels, &overlaps)) {
            self.classes[detection.class].ranked.push(Ranked { score: detection.score, hits });
        }
        let mut here = vec![0; self.classes.len()];
        for label in labels {
            here[label.class] += 1;
        }
        for (tally, here) in self.classes.iter_mut().zip(here) {
            tally.labels += here;
            tally.images += usize::from(here > 0);
        }
        self.confusion.add(&detections, labels, &overlaps);
        self.images += 1;
        Ok(())
    }

    /// The figures of all pictures that were added.
    pub fn finish(mut self) -> Evaluation {
        let mut classes: Vec<ClassEvaluation> = self
            .classes
            .iter_mut()
            .enumerate()
            .filter(|(_, tally)| tally.labels > 0)
            .map(|(class, tally)| tally.evaluate(class))
            .collect();
        let best = best_point(&classes);
        for class in &mut classes {
            class.figures.precision = class.curves.precision[best];
            class.figures.recall = class.curves.recall[best];
            class.figures.f1 = class.curves.f1[best];
        }
        Evaluation {
            images: self.images,
            labels: classes.iter().map(|class| class.labels).sum(),
            mean: Figures::mean(&classes),
            classes,
            confusion: self.confusion,
        }
    }
}

impl Tally {
    fn evaluate(&mut self, class: usize) -> ClassEvaluation {
        self.ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (average_precisions, curves) = average_precision(&self.ranked, self.labels);
        let figures = Figures {
            ap50: average_precisions[AT_50],
            ap75: average_precisions[AT_75],
            ap50_95: average_precisions.iter().sum::<f64>() / THRESHOLDS as f64,
            ..Figures::default()
        };
        ClassEvaluation { class, images: self.images, labels: self.labels, figures, average_precisions, curves }
    }
}

impl Figures {
    fn mean(classes: &[ClassEvaluation]) -> Self {
        let mean = |figure: fn(&Self) -> f64| mean(classes.iter().map(|class| figure(&class.figures)));
        Self {
            precision: mean(|figures| figures.precision),
            recall: mean(|figures| figures.recall),
            f1: mean(|figures| figures.f1),
            ap50: mean(|figures| figures.ap50),
            ap75: mean(|figures| figures.ap75),
            ap50_95: mean(|figures| figures.ap50_95),
        }
    }
}

impl Evaluation {
    /// The mean of a curve over the classes.
    pub fn mean_curve(&self, curve: Curve) -> Vec<f64> {
        mean_curve(&self.classes, curve)
    }
}

fn mean_curve(classes: &[ClassEvaluation], curve: Curve) -> Vec<f64> {
    let at = |point: usize| mean(classes.iter().map(|class| class.curves.values(curve)[point]));
    (0..CURVE_POINTS).map(at).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    // With nothing to average, 0; an empty sum would be a negative zero.
    let count = values.len().max(1);
    values.fold(0.0, |sum, value| sum + value) / count as f64
}

/// The curve point where the mean F1 of the classes, smoothed, is best.
fn best_point(classes: &[ClassEvaluation]) -> usize {
    first_highest(&smooth(&mean_curve(classes, Curve::F1)))
}

/// The index of the highest value, the first one of several.
pub(crate) fn first_highest(values: &[f64]) -> usize {
    let points = (0..values.len()).rev();
    points.max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

/// A moving average, in which the outermost values continue beyond the ends.
fn smooth(values: &[f64]) -> Vec<f64> {
    let reach = SMOOTHING / 2;
    let at = |index: usize| values[index.saturating_sub(reach).min(values.len() - 1)];
    let average = |index: usize| (index..index + SMOOTHING).map(at).sum::<f64>() / SMOOTHING as f64;
    (0..values.len()).map(average).collect()
}
