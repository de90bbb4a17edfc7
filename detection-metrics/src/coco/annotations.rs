//! COCO annotation files: pictures, categories, and boxes in pixels of the picture.
//!
//! Left out: masks and keypoints.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};

use crate::error::Error;
use crate::image_id::ImageId;
use crate::text::{self, LONGEST_PATH};

/// COCO's category ids by class number: 80 of the numbers 1 to 90 are in use.
#[rustfmt::skip]
pub const CATEGORY_IDS: [u64; 80] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33, 34,
    35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    64, 65, 67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90,
];

/// An annotation file.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "File")]
pub struct Annotations {
    /// The pictures.
    pub images: Vec<Image>,
    /// What is in them.
    pub annotations: Vec<Annotation>,
    /// The categories.
    pub categories: Vec<Category>,
    /// How many annotations were left out because they have no box.
    pub without_box: usize,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<AnnotationFields>,
    categories: Vec<Category>,
}

impl From<File> for Annotations {
    fn from(File { images, annotations, categories }: File) -> Self {
        let all = annotations.len();
        let annotations: Vec<Annotation> = annotations.into_iter().filter_map(AnnotationFields::with_box).collect();
        Self { images, without_box: all - annotations.len(), annotations, categories }
    }
}

/// A picture.
#[derive(Clone, Debug, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its file, relative to the folder of pictures.
    pub file_name: String,
    /// Rows, if the file says; the picture itself decides.
    #[serde(default, deserialize_with = "side")]
    pub height: Option<usize>,
    /// Columns, likewise.
    #[serde(default, deserialize_with = "side")]
    pub width: Option<usize>,
}

/// A thing in a picture.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// The picture.
    pub image_id: ImageId,
    /// The category.
    pub category_id: u64,
    /// Left, top, width, height in pixels of the picture.
    pub bbox: [f64; 4],
    /// Area of the object itself in square pixels, or of its box; decides whether it counts as small.
    pub area: f64,
    /// Whether it is a crowd: any number of detections inside it are neither right nor wrong.
    pub crowd: bool,
}

#[derive(Deserialize)]
struct AnnotationFields {
    image_id: ImageId,
    #[serde(deserialize_with = "category_id")]
    category_id: u64,
    #[serde(default)]
    bbox: Option<Vec<f64>>,
    area: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    iscrowd: bool,
}

impl AnnotationFields {
    fn with_box(self) -> Option<Annotation> {
        let Self { image_id, category_id, bbox, area, iscrowd } = self;
        let bbox: [f64; 4] = bbox?.try_into().ok()?;
        Some(Annotation { image_id, category_id, bbox, area: area.unwrap_or(bbox[2] * bbox[3]), crowd: iscrowd })
    }
}

/// A number in any form: an integer, or a float or text that stands for one.
fn category_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match ImageId::deserialize(deserializer)? {
        ImageId::Number(number) => Ok(number),
        ImageId::Name(name) => name
            .parse()
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text::shown(&name)), &"a category's number")),
    }
}

/// 0 and 1, as COCO writes them, or false and true; a missing value is false.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Number(f64),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => false,
        Some(Flag::Bool(flag)) => flag,
        Some(Flag::Number(number)) => number != 0.0,
    })
}

/// A side in pixels; impossible values count as missing.
fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let side: Option<f64> = Option::deserialize(deserializer)?;
    Ok(side.filter(|side| *side >= 1.0 && *side <= f64::from(u32::MAX)).map(|side| side as usize))
}

/// A kind of thing.
#[derive(Clone, Debug, Deserialize)]
pub struct Category {
    /// Its id.
    #[serde(deserialize_with = "category_id")]
    pub id: u64,
    /// Its name.
    pub name: String,
}

impl Annotations {
    /// Reads an annotation file.
    ///
    /// # Errors
    /// The file can't be read or is not an annotation file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::Malformed {
            path: path.to_owned(),
            expected: "a COCO annotation file",
            reason: text::shown(reason),
        };
        let text = text::read(path, text::LARGEST)?;
        let annotations: Self = serde_json::from_str(&text).map_err(|error| malformed(&error.to_string()))?;
        match annotations.images.iter().find(|image| image.file_name.len() > LONGEST_PATH) {
            Some(image) => Err(malformed(&format!("image {}: a name of more than {LONGEST_PATH} bytes", image.id))),
            None => Ok(annotations),
        }
    }

    /// The category id of each class, by name; `None` for a class that is not in the annotations.
    pub fn category_ids(&self, class_names: &[String]) -> Vec<Option<u64>> {
        let ids: HashMap<&str, u64> =
            self.categories.iter().map(|category| (category.name.as_str(), category.id)).collect();
        class_names.iter().map(|name| ids.get(name.as_str()).copied()).collect()
    }
}
