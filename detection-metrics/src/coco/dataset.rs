//! The data set that COCO annotations describe.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::annotations::{Annotation, Annotations, Image};
use crate::bounds::{Bounds, Label};
use crate::dataset::{Dataset, Sample, Unit};
use crate::image_id::ImageId;
use crate::note::Note;

impl Dataset {
    /// The data set that annotations describe, for a detector of these classes; the pictures are in `folder`.
    ///
    /// Crowds are left out, and so are categories for which the detector has no class.
    pub fn from_coco(annotations: &Annotations, folder: &Path, class_names: &[String]) -> Self {
        let ids = annotations.category_ids(class_names);
        let classes: HashMap<u64, usize> =
            ids.iter().enumerate().filter_map(|(class, id)| Some(((*id)?, class))).collect();
        let mut labels: HashMap<&ImageId, Vec<Label>> = HashMap::new();
        for annotation in annotations.annotations.iter().filter(|annotation| !annotation.crowd) {
            if let Some(&class) = classes.get(&annotation.category_id) {
                let label = Label { class, bounds: Bounds::from_xywh(annotation.bbox) };
                labels.entry(&annotation.image_id).or_default().push(label);
            }
        }
        let sample = |image: &Image| Sample {
            image: folder.join(&image.file_name),
            id: image.id.clone(),
            labels: labels.get(&image.id).cloned().unwrap_or_default(),
            unit: Unit::Pixels,
            said_size: image.height.zip(image.width).map(|(height, width)| [height, width]),
        };
        Self {
            samples: annotations.images.iter().map(sample).collect(),
            notes: notes(annotations, &classes),
            class_names: class_names.to_vec(),
            // They are the detector's, by which categories are looked up.
            names_are_given: false,
            category_ids: ids,
            skipped: Vec::new(),
        }
    }
}

/// What is odd about annotations, given a detector with classes for these categories.
fn notes(annotations: &Annotations, classes: &HashMap<u64, usize>) -> Vec<Note> {
    let mut notes = Vec::new();
    if annotations.without_box > 0 {
        notes.push(Note::WithoutBox { annotations: annotations.without_box });
    }
    let pictures: HashSet<&ImageId> = annotations.images.iter().map(|image| &image.id).collect();
    let defined: HashSet<u64> = annotations.categories.iter().map(|category| category.id).collect();
    let count = |is_odd: &dyn Fn(&Annotation) -> bool| {
        let mut odd = annotations.annotations.iter().filter(|annotation| is_odd(annotation));
        odd.next().map(|first| (first, 1 + odd.count()))
    };
    if let Some((first, annotations)) = count(&|annotation| !defined.contains(&annotation.category_id)) {
        notes.push(Note::UnknownCategories { annotations, first: first.category_id });
    }
    if let Some((first, annotations)) = count(&|annotation| !pictures.contains(&annotation.image_id)) {
        notes.push(Note::UnknownImages { annotations, first: first.image_id.clone() });
    }
    let used: HashSet<u64> = annotations.annotations.iter().map(|annotation| annotation.category_id).collect();
    let unknown = annotations.categories.iter().filter(|category| {
        let Some(id) = used.get(&category.id) else { return false };
        !classes.contains_key(id)
    });
    let categories: Vec<String> = unknown.map(|category| category.name.clone()).collect();
    if !categories.is_empty() {
        notes.push(Note::UnknownToDetector { categories, of: annotations.categories.len() });
    }
    notes
}
