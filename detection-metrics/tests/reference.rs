//! The same boxes give the same figures as ultralytics and pycocotools: `reference.json`, written by `reference.py`.

use std::collections::BTreeMap;

use detection_metrics::coco::{Annotations, ImageId, Prediction, Summary, evaluate};
use detection_metrics::{Bounds, Curve, Detection, Evaluation, Evaluator, Label};
use serde::Deserialize;

/// Sums of f64 in another order.
const ROUNDING: f64 = 1e-12;
/// The reference's curves are written with nine decimals.
const CURVE_ROUNDING: f64 = 1e-9;
/// Points of a curve from one that is written to the next.
const CURVE_STEP: usize = 50;

#[derive(Deserialize)]
struct Reference {
    classes: usize,
    confusion_above: f32,
    ultralytics: Ultralytics,
    coco: Coco,
}

#[derive(Deserialize)]
struct Ultralytics {
    mean: BTreeMap<String, f64>,
    classes: Vec<Class>,
    curves: BTreeMap<String, Vec<Vec<f64>>>,
    confusion: Vec<Vec<u64>>,
}

#[derive(Deserialize)]
struct Class {
    class: usize,
    images: usize,
    labels: usize,
    precision: f64,
    recall: f64,
    f1: f64,
    average_precisions: Vec<f64>,
}

#[derive(Deserialize)]
struct Coco {
    ground: Annotations,
    results: Vec<Prediction>,
    stats: [f64; 12],
    per_category: Vec<Option<f64>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference.json")).expect("the file is as reference.py writes it")
}

/// Category 1 is class 0.
fn class_of(category_id: u64) -> usize {
    category_id as usize - 1
}

fn detections_in(coco: &Coco, image: &ImageId) -> Vec<Detection> {
    let own = coco.results.iter().filter(|result| result.image_id == *image);
    own.map(|result| Detection {
        class: class_of(result.category_id),
        score: result.score as f32,
        bounds: Bounds::from_xywh(result.bbox),
    })
    .collect()
}

fn labels_in(coco: &Coco, image: &ImageId) -> Vec<Label> {
    let own = coco.ground.annotations.iter().filter(|annotation| annotation.image_id == *image && !annotation.crowd);
    own.map(|annotation| Label { class: class_of(annotation.category_id), bounds: Bounds::from_xywh(annotation.bbox) })
        .collect()
}

fn evaluation(reference: &Reference) -> Evaluation {
    let mut evaluator = Evaluator::new(reference.classes, reference.confusion_above).expect("six classes are not many");
    for image in &reference.coco.ground.images {
        let (detections, labels) = (detections_in(&reference.coco, &image.id), labels_in(&reference.coco, &image.id));
        evaluator.add(&detections, &labels).expect("classes are in range");
    }
    evaluator.finish()
}

fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: expected {expected}, found {found}");
}

#[test]
fn means_over_the_classes_equal_ultralytics() {
    let reference = reference();
    let mean = evaluation(&reference).mean;
    for (name, found) in [
        ("precision", mean.precision),
        ("recall", mean.recall),
        ("f1", mean.f1),
        ("ap50", mean.ap50),
        ("ap75", mean.ap75),
        ("ap50_95", mean.ap50_95),
    ] {
        assert_near(name, found, reference.ultralytics.mean[name], ROUNDING);
    }
}

#[test]
fn each_class_equals_ultralytics() {
    let reference = reference();
    let classes = evaluation(&reference).classes;
    assert_eq!(classes.len(), reference.ultralytics.classes.len());
    for (found, expected) in classes.iter().zip(&reference.ultralytics.classes) {
        assert_eq!((found.class, found.images, found.labels), (expected.class, expected.images, expected.labels));
        let name = |figure: &str| format!("class {} {figure}", expected.class);
        assert_near(&name("precision"), found.figures.precision, expected.precision, ROUNDING);
        assert_near(&name("recall"), found.figures.recall, expected.recall, ROUNDING);
        assert_near(&name("f1"), found.figures.f1, expected.f1, ROUNDING);
        for (average, expected) in found.average_precisions.iter().zip(&expected.average_precisions) {
            assert_near(&name("average precision"), *average, *expected, ROUNDING);
        }
    }
}

#[test]
fn curves_equal_ultralytics() {
    let reference = reference();
    let classes = evaluation(&reference).classes;
    for (name, curve) in [
        ("precision", Curve::Precision),
        ("recall", Curve::Recall),
        ("f1", Curve::F1),
        ("precision_at_recall", Curve::PrecisionAtRecall),
    ] {
        for (class, expected) in classes.iter().zip(&reference.ultralytics.curves[name]) {
            let found: Vec<f64> = class.curves.values(curve).iter().copied().step_by(CURVE_STEP).collect();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert_near(&format!("{name} of class {}", class.class), *found, *expected, CURVE_ROUNDING);
            }
        }
    }
}

#[test]
fn the_confusion_matrix_equals_ultralytics() {
    let reference = reference();
    assert_eq!(evaluation(&reference).confusion.counts, reference.ultralytics.confusion);
}

#[test]
fn coco_figures_equal_pycocotools() {
    let Coco { ground, results, stats, per_category } = reference().coco;
    let summary = evaluate(&ground, &results).expect("all images are known");
    let Summary { ap, ap50, ap75, ap_small, ap_medium, ap_large, .. } = summary;
    let Summary { ar1, ar10, ar100, ar_small, ar_medium, ar_large, .. } = summary;
    let found = [ap, ap50, ap75, ap_small, ap_medium, ap_large, ar1, ar10, ar100, ar_small, ar_medium, ar_large];
    for (index, (found, expected)) in found.into_iter().zip(stats).enumerate() {
        assert_near(&format!("figure {index}"), found.unwrap_or(-1.0), expected, ROUNDING);
    }
    for (category, expected) in summary.categories.iter().zip(&per_category) {
        let name = format!("category {}", category.id);
        assert_near(&name, category.ap.unwrap_or(-1.0), expected.unwrap_or(-1.0), ROUNDING);
    }
}
