//! COCO: its annotation and result files, and its figures as `pycocotools` computes them.

mod annotations;
mod curve;
mod evaluation;
mod matching;
mod predictions;

pub use annotations::{Annotation, Annotations, CATEGORY_IDS, Category, Image, ImageId};
pub use evaluation::{CategorySummary, Summary, evaluate};
pub use predictions::{Prediction, read_predictions, write_predictions};
