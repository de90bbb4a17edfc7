//! Plots are drawn without system fonts, and show what they should.
#![allow(clippy::unwrap_used, reason = "in a test, what should not fail may panic")]
#![cfg(feature = "plots")]

use detection_metrics::plots::{Cells, Plot, Plots};
use detection_metrics::{Bounds, Curve, Detection, Evaluation, Evaluator, Label};

const FONT: &[u8] = include_bytes!("../../yolov10-media/assets/DejaVuSans-subset.ttf");
const BLUE: [u8; 3] = [0, 0, 255];

/// One thing of the first of `classes` classes, found.
fn evaluation(classes: usize) -> Evaluation {
    let bounds = Bounds { x1: 0.0, y1: 0.0, x2: 9.0, y2: 9.0 };
    let mut evaluator = Evaluator::new(classes, 0.25).expect("few classes");
    let detection = Detection { class: 0, score: 0.5, bounds };
    evaluator.add(&[detection], &[Label { class: 0, bounds }]).expect("class 0 is a class");
    evaluator.finish()
}

fn class_names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

fn pixel(plot: &Plot, x: u32, y: u32) -> [u8; 3] {
    let start = 3 * (y * plot.width + x) as usize;
    std::array::from_fn(|channel| plot.rgb[start + channel])
}

#[test]
fn recall_falls_where_the_score_of_the_only_detection_is() {
    let plots = Plots::new(FONT).unwrap();
    let plot = plots.curves(Curve::Recall, &evaluation(1), &class_names(1)).unwrap();
    assert_eq!(plot.rgb.len(), 3 * (plot.width * plot.height) as usize);
    // Inside the axes, which no text reaches: the columns whose lower half has a pixel of the mean's line.
    let columns: Vec<u32> = (110..920).filter(|&x| (450..700).any(|y| pixel(&plot, x, y) == BLUE)).collect();
    let (first, last) = (columns[0], columns[columns.len() - 1]);
    assert!(last - first < 10, "the line falls at once: columns {first} to {last}");
    let middle = (96 + 936) / 2;
    assert!(first.abs_diff(middle) < 10, "the score is 0.5: column {first}, the middle is {middle}");
}

#[test]
fn the_confusion_matrix_has_a_cell_for_each_class_that_occurs_and_for_the_background() {
    let plots = Plots::new(FONT).unwrap();
    let [few, many] =
        [2, 80].map(|classes| plots.confusion(Cells::Counts, &evaluation(classes), &class_names(classes)).unwrap());
    assert_eq!((few.width, few.height), (many.width, many.height));
}

#[test]
fn an_evaluation_of_nothing_is_drawn_too() {
    let plots = Plots::new(FONT).unwrap();
    let nothing = Evaluator::new(3, 0.25).expect("few classes").finish();
    plots.curves(Curve::PrecisionAtRecall, &nothing, &class_names(3)).unwrap();
    plots.confusion(Cells::Shares, &nothing, &class_names(3)).unwrap();
}

#[test]
fn a_file_that_is_no_font_is_an_error() {
    let error = Plots::new(b"not a font").unwrap_err();
    assert_eq!(error.to_string(), "plot font: not an OpenType font");
}
