//! COCO annotation files: pictures, categories, and boxes in pixels of the picture.
//!
//! Left out: masks and keypoints.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds::{Bounds, Label};
use crate::dataset::{Dataset, Sample};
use crate::error::Error;

/// COCO's category ids by class number: 80 of the numbers 1 to 90 are in use.
#[rustfmt::skip]
pub const CATEGORY_IDS: [u64; 80] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33, 34,
    35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    64, 65, 67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90,
];

/// An annotation file.
#[derive(Clone, Debug, Deserialize)]
pub struct Annotations {
    /// The pictures.
    pub images: Vec<Image>,
    /// What is in them.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
    /// The kinds of things.
    pub categories: Vec<Category>,
}

/// A picture.
#[derive(Clone, Debug, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its file, relative to the folder of pictures.
    pub file_name: String,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A picture's id: a number in COCO's own files, a file's stem elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageId {
    /// A number.
    Number(u64),
    /// A name.
    Name(String),
}

impl ImageId {
    /// The id of a picture that no annotation file gives one: the file's stem.
    pub fn of(image: &Path) -> Self {
        Self::from(image.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    }
}

impl From<String> for ImageId {
    /// A number if there are only digits, as in the names of COCO's own files.
    fn from(stem: String) -> Self {
        let number = stem.parse().ok().filter(|_| stem.bytes().all(|byte| byte.is_ascii_digit()));
        number.map_or(Self::Name(stem), Self::Number)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// A thing in a picture.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "AnnotationFields")]
pub struct Annotation {
    /// The picture.
    pub image_id: ImageId,
    /// The category.
    pub category_id: u64,
    /// Left, top, width, height in pixels of the picture.
    pub bbox: [f64; 4],
    /// Square pixels of the thing itself, which decides whether it counts as small; of its box where there is none.
    pub area: f64,
    /// Whether it is a crowd: any number of detections inside it are neither right nor wrong.
    pub crowd: bool,
}

#[derive(Deserialize)]
struct AnnotationFields {
    image_id: ImageId,
    category_id: u64,
    bbox: [f64; 4],
    area: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    iscrowd: bool,
}

impl From<AnnotationFields> for Annotation {
    fn from(fields: AnnotationFields) -> Self {
        let AnnotationFields { image_id, category_id, bbox, area, iscrowd } = fields;
        Self { image_id, category_id, bbox, area: area.unwrap_or(bbox[2] * bbox[3]), crowd: iscrowd }
    }
}

/// 0 and 1, as COCO writes them.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? != 0)
}

/// A kind of thing.
#[derive(Clone, Debug, Deserialize)]
pub struct Category {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub name: String,
}

impl Annotations {
    /// Reads an annotation file.
    ///
    /// # Errors
    /// The file can't be read or is no annotation file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            expected: "a COCO annotation file",
            reason: error.to_string(),
        })
    }

    /// The category id of each class, by name; `None` for a class that the annotations know nothing of.
    pub fn category_ids(&self, class_names: &[String]) -> Vec<Option<u64>> {
        let ids: HashMap<&str, u64> =
            self.categories.iter().map(|category| (category.name.as_str(), category.id)).collect();
        class_names.iter().map(|name| ids.get(name.as_str()).copied()).collect()
    }
}

impl Dataset {
    /// The data set that annotations describe, for a detector of these classes; the pictures are in `folder`.
    ///
    /// Crowds are left out, and so is what the detector has no class for.
    pub fn from_coco(annotations: &Annotations, folder: &Path, class_names: &[String]) -> Self {
        let ids = annotations.category_ids(class_names);
        let classes: HashMap<u64, usize> =
            ids.iter().enumerate().filter_map(|(class, id)| Some(((*id)?, class))).collect();
        let mut labels: HashMap<&ImageId, Vec<(usize, Bounds)>> = HashMap::new();
        for annotation in annotations.annotations.iter().filter(|annotation| !annotation.crowd) {
            if let Some(&class) = classes.get(&annotation.category_id) {
                let bounds = Bounds::from_xywh(annotation.bbox);
                labels.entry(&annotation.image_id).or_default().push((class, bounds));
            }
        }
        let sample = |image: &Image| {
            let [width, height] = [image.width as f64, image.height as f64];
            let share =
                |b: &Bounds| Bounds { x1: b.x1 / width, y1: b.y1 / height, x2: b.x2 / width, y2: b.y2 / height };
            let labels = labels.get(&image.id).map_or(&[][..], Vec::as_slice);
            Sample {
                image: folder.join(&image.file_name),
                id: image.id.clone(),
                labels: labels.iter().map(|(class, bounds)| Label { class: *class, bounds: share(bounds) }).collect(),
            }
        };
        let samples = annotations.images.iter().map(sample).collect();
        Self { class_names: class_names.to_vec(), category_ids: ids, samples, skipped: Vec::new() }
    }
}
