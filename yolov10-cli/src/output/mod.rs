//! Everything that a run writes to disk: annotated pictures, films, labels, crops, tables.

mod crops;
mod file;
mod film;
mod folder;
mod labels;
mod ledger;
mod mp4;
mod picture;
mod tables;

pub use crops::save_crops;
pub use film::Films;
pub use folder::{RunFolder, remove_empty};
pub use labels::{Scores, label_text, save_labels};
pub use picture::{extension_for, save_picture};
pub use tables::{CocoResults, CsvTable, measurable, shared_numbers};
