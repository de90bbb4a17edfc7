//! A data set: its pictures, what is in them, and the names of the classes.
//!
//! It comes from an ultralytics data set file (`yaml.rs`) with YOLO labels, or from COCO annotations (`coco/dataset.rs`).

use std::path::PathBuf;

use crate::bounds::{Bounds, Label};
use crate::class_names::ClassList;
use crate::error::Error;
use crate::image_id::ImageId;
use crate::labels::{label_path, read_labels};
use crate::note::Note;

/// Pictures with their labels.
#[derive(Debug)]
pub struct Dataset {
    /// Names of the classes, by number.
    pub class_names: Vec<String>,
    /// Whether the data set names its classes; otherwise it only says how many there are.
    pub names_are_given: bool,
    /// Ids of the classes in result files; `None` for a class that is not in the annotations.
    pub category_ids: Vec<Option<u64>>,
    /// The pictures, by path.
    pub samples: Vec<Sample>,
    /// The pictures that were left out because of their labels, and why.
    pub skipped: Vec<(PathBuf, Error)>,
    /// Anything odd about it.
    pub notes: Vec<Note>,
}

/// A picture and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The picture's file.
    pub image: PathBuf,
    /// Its id in result files.
    pub id: ImageId,
    /// What is in it; empty for a background.
    pub labels: Vec<Label>,
    /// The unit of the labels' coordinates.
    pub unit: Unit,
    /// Height and width in pixels, if the data set says; the picture itself decides.
    pub said_size: Option<[usize; 2]>,
}

/// A unit of coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Shares of the picture's sides, 0..1.
    Shares,
    /// Pixels of the picture.
    Pixels,
}

impl Sample {
    /// The labels in shares of the sides of the picture, whose size is in pixels.
    pub fn labels_in_shares(&self, [height, width]: [usize; 2]) -> Vec<Label> {
        let [height, width] = match self.unit {
            Unit::Shares => [1.0, 1.0],
            // Never divides by 0: a picture without pixels has no labels either.
            Unit::Pixels => [height.max(1) as f64, width.max(1) as f64],
        };
        let shares = |b: Bounds| Bounds { x1: b.x1 / width, y1: b.y1 / height, x2: b.x2 / width, y2: b.y2 / height };
        self.labels.iter().map(|label| Label { bounds: shares(label.bounds), ..*label }).collect()
    }
}

impl Dataset {
    /// Finds the labels of `images`.
    pub(crate) fn with_labels_of(
        images: Vec<PathBuf>,
        ClassList { names: class_names, are_given: names_are_given }: ClassList,
        category_ids: Vec<Option<u64>>,
    ) -> Self {
        let (samples, skipped, notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut dataset = Self { class_names, names_are_given, category_ids, samples, skipped, notes };
        let mut first_missing = None;
        let mut are_labelled = false;
        let ids = ImageId::of_all(images.iter().map(PathBuf::as_path));
        for (image, id) in images.into_iter().zip(ids) {
            let path = label_path(&image);
            match read_labels(&path, dataset.class_names.len()) {
                Ok(labels) => {
                    are_labelled |= labels.is_some();
                    if labels.is_none() {
                        first_missing.get_or_insert(path);
                    }
                    let labels = labels.unwrap_or_default();
                    dataset.samples.push(Sample { image, id, labels, unit: Unit::Shares, said_size: None });
                }
                Err(error) => {
                    are_labelled = true;
                    dataset.skipped.push((image, error));
                }
            }
        }
        if let Some(looked_for) = first_missing.filter(|_| !are_labelled) {
            dataset.notes.push(Note::NoLabels { pictures: dataset.samples.len(), looked_for });
        }
        dataset
    }
}
