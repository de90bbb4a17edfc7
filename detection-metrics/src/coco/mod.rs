//! COCO: its annotation and result files, and its figures as `pycocotools` computes them.

mod annotations;
mod curve;
mod dataset;
mod evaluation;
mod matching;
mod predictions;

pub use crate::image_id::ImageId;
pub use annotations::{Annotation, Annotations, CATEGORY_IDS, Category, Image};
pub use evaluation::{CategorySummary, Summary, evaluate};
pub use predictions::{Prediction, read_predictions, write_predictions};
