//! How good a detector is: boxes, classes and scores in, the figures of `ultralytics val` and of COCO out.
//!
//! It knows nothing about pixels or networks. A [`Dataset`] says what is in the pictures; an [`Evaluator`] collects
//! detections and labels picture by picture; [`coco::evaluate`] measures a file of predictions against a file of
//! annotations.
//!
//! ```
//! use detection_metrics::{Bounds, Detection, Evaluator, Label};
//!
//! let bounds = Bounds::from_xywh([10.0, 20.0, 30.0, 40.0]);
//! let mut evaluator = Evaluator::new(80, 0.25)?;
//! evaluator.add(&[Detection { class: 0, score: 0.9, bounds }], &[Label { class: 0, bounds }])?;
//! let evaluation = evaluator.finish();
//! assert_eq!((evaluation.labels, evaluation.mean.recall), (1, 1.0));
//! # Ok::<(), detection_metrics::Error>(())
//! ```

mod average_precision;
mod bounds;
mod class_names;
mod confusion;
mod dataset;
mod error;
mod evaluation;
mod image_id;
mod labels;
mod matching;
mod note;
mod pictures;
mod text;
mod yaml;

pub mod coco;
#[cfg(feature = "plots")]
pub mod plots;

pub use average_precision::{ClassCurves, Curve};
pub use bounds::{Bounds, Detection, Label};
pub use class_names::read_class_names;
pub use confusion::ConfusionMatrix;
pub use dataset::{Dataset, Sample, Unit};
pub use error::Error;
pub use evaluation::{ClassEvaluation, Evaluation, Evaluator, Figures};
pub use note::Note;
pub use yaml::Split;
