//! What must hold of the figures for any boxes.

use detection_metrics::coco::{Annotation, Annotations, Category, Image, ImageId, Prediction, evaluate};
use detection_metrics::{Bounds, Detection, Evaluation, Evaluator, Label};
use proptest::prelude::*;

const CLASSES: usize = 3;
const CONFUSION_ABOVE: f32 = 0.25;
/// Sums of f64 in another order.
const ROUNDING: f64 = 1e-12;

type Picture = (Vec<Detection>, Vec<Label>);

fn bounds() -> impl Strategy<Value = Bounds> {
    (0.0..600.0, 0.0..600.0, 1.0..200.0, 1.0..200.0)
        .prop_map(|(x, y, width, height)| Bounds::from_xywh([x, y, width, height]))
}

fn label() -> impl Strategy<Value = Label> {
    (0..CLASSES, bounds()).prop_map(|(class, bounds)| Label { class, bounds })
}

/// Detections near the labels and elsewhere.
fn picture() -> impl Strategy<Value = Picture> {
    (prop::collection::vec(label(), 0..6), prop::collection::vec((label(), 0.0f32..1.0), 0..8), 0.0f64..20.0).prop_map(
        |(labels, mut found, off)| {
            for ((near, _), label) in found.iter_mut().zip(&labels) {
                let [x, y, width, height] = label.bounds.to_xywh();
                *near = Label { class: label.class, bounds: Bounds::from_xywh([x + off, y, width, height]) };
            }
            let detection =
                |(label, score): (Label, f32)| Detection { class: label.class, score, bounds: label.bounds };
            (found.into_iter().map(detection).collect(), labels)
        },
    )
}

fn evaluation(pictures: &[Picture]) -> Evaluation {
    let mut evaluator = Evaluator::new(CLASSES, CONFUSION_ABOVE).expect("three classes are not many");
    for (detections, labels) in pictures {
        evaluator.add(detections, labels).expect("classes are in range");
    }
    evaluator.finish()
}

/// Every label found where it is, with falling scores.
fn perfect(pictures: &[Picture]) -> Vec<Picture> {
    let mut score = 1.0;
    let mut next = || {
        score *= 0.99;
        score
    };
    pictures
        .iter()
        .map(|(_, labels)| {
            let found = |label: &Label| Detection { class: label.class, score: next(), bounds: label.bounds };
            (labels.iter().map(found).collect(), labels.clone())
        })
        .collect()
}

fn coco_files(pictures: &[Picture]) -> (Annotations, Vec<Prediction>) {
    let numbered = || pictures.iter().enumerate().map(|(number, picture)| (ImageId::Number(number as u64), picture));
    let image = |(id, _)| Image { id, file_name: String::new(), height: None, width: None };
    let annotations = numbered().flat_map(|(image_id, (_, labels))| {
        labels.iter().map(move |label| {
            let bbox = label.bounds.to_xywh();
            let category_id = label.class as u64;
            Annotation { image_id: image_id.clone(), category_id, bbox, area: bbox[2] * bbox[3], crowd: false }
        })
    });
    let predictions = numbered().flat_map(|(image_id, (detections, _))| {
        detections.iter().map(move |detection| Prediction {
            image_id: image_id.clone(),
            file_name: None,
            category_id: detection.class as u64,
            bbox: detection.bounds.to_xywh(),
            score: f64::from(detection.score),
        })
    });
    let categories = (0..CLASSES as u64).map(|id| Category { id, name: id.to_string() }).collect();
    let annotations = Annotations {
        images: numbered().map(image).collect(),
        annotations: annotations.collect(),
        categories,
        without_box: 0,
    };
    (annotations, predictions.collect())
}

proptest! {
    #[test]
    fn every_figure_is_a_share(pictures in prop::collection::vec(picture(), 0..8)) {
        let evaluation = evaluation(&pictures);
        for figures in evaluation.classes.iter().map(|class| class.figures).chain([evaluation.mean]) {
            for figure in [figures.precision, figures.recall, figures.f1, figures.ap50, figures.ap75, figures.ap50_95] {
                prop_assert!((0.0..=1.0 + ROUNDING).contains(&figure), "{figures:?}");
            }
            prop_assert!(figures.ap50_95 <= figures.ap50 + ROUNDING);
        }
    }

    #[test]
    fn the_order_of_pictures_and_detections_does_not_matter(
        (pictures, shuffled) in prop::collection::vec(picture(), 1..8).prop_flat_map(|pictures| {
            let reversed = pictures.iter().map(|(detections, labels)| {
                (detections.iter().rev().copied().collect(), labels.clone())
            });
            (Just(pictures.clone()), Just(reversed.collect::<Vec<Picture>>()).prop_shuffle())
        })
    ) {
        prop_assert_eq!(evaluation(&pictures), evaluation(&shuffled));
    }

    #[test]
    fn finding_every_label_gives_the_best_figures(pictures in prop::collection::vec(picture(), 1..6)) {
        prop_assume!(pictures.iter().any(|(_, labels)| !labels.is_empty()));
        let pictures = perfect(&pictures);
        let evaluation = evaluation(&pictures);
        prop_assert!((evaluation.mean.ap50_95 - PERFECT_AP).abs() < ROUNDING, "{:?}", evaluation.mean);
        prop_assert!((evaluation.mean.f1 - 1.0).abs() < ROUNDING, "{:?}", evaluation.mean);
        let (annotations, predictions) = coco_files(&pictures);
        let summary = evaluate(&annotations, &predictions).expect("all images are known");
        prop_assert_eq!((summary.ap, summary.ar100), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn every_label_is_in_its_column_of_the_confusion_matrix_once(pictures in prop::collection::vec(picture(), 0..8)) {
        let confusion = evaluation(&pictures).confusion;
        for class in 0..CLASSES {
            let labels = pictures.iter().flat_map(|(_, labels)| labels).filter(|label| label.class == class).count();
            let column: u64 = confusion.counts.iter().map(|row| row[class]).sum();
            prop_assert_eq!(column, labels as u64);
        }
        let found = pictures.iter().flat_map(|(detections, _)| detections).filter(|found| found.score > CONFUSION_ABOVE);
        let rows: u64 = confusion.counts[..CLASSES].iter().flatten().sum();
        prop_assert_eq!(rows, found.count() as u64);
    }

    #[test]
    fn a_coco_figure_is_a_share_or_there_is_nothing(pictures in prop::collection::vec(picture(), 0..6)) {
        let (annotations, predictions) = coco_files(&pictures);
        let summary = evaluate(&annotations, &predictions).expect("all images are known");
        for figure in [summary.ap, summary.ap50, summary.ap_small, summary.ar1, summary.ar100].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&figure), "{summary:?}");
        }
        prop_assert_eq!(summary.ap.is_none(), annotations.annotations.is_empty());
    }
}

#[test]
fn nothing_in_nothing_out() {
    let evaluation = evaluation(&[]);
    assert_eq!((evaluation.images, evaluation.labels, evaluation.mean.ap50_95), (0, 0, 0.0));
}

#[test]
fn a_class_the_detector_does_not_have_is_named() {
    let label = Label { class: 7, bounds: Bounds::from_xywh([0.0, 0.0, 1.0, 1.0]) };
    let mut evaluator = Evaluator::new(CLASSES, CONFUSION_ABOVE).expect("three classes are not many");
    let error = evaluator.add(&[], &[label]).expect_err("there are 3 classes");
    assert_eq!(error.to_string(), "class 7: expected a number below 3");
}

/// The envelope falls to 0 at recall 1 itself, so that the last of 100 strips is half empty.
const PERFECT_AP: f64 = 0.995;
