//! A data set: which pictures, what is in them, what the classes are called.
//!
//! Comes from an ultralytics data set file (`yaml.rs`) with YOLO labels, or from COCO annotations (`coco/annotations.rs`).

use std::path::{Path, PathBuf};

use crate::bounds::Label;
use crate::coco::ImageId;
use crate::error::Error;
use crate::labels::{label_path, read_labels};

/// Endings of files that are pictures.
const PICTURES: [&str; 11] = ["bmp", "dng", "gif", "jpeg", "jpg", "mpo", "pfm", "png", "tif", "tiff", "webp"];

/// Pictures with their labels.
#[derive(Debug)]
pub struct Dataset {
    /// What the class numbers mean.
    pub class_names: Vec<String>,
    /// What result files call the classes; `None` for a class that the annotations know nothing of.
    pub category_ids: Vec<Option<u64>>,
    /// The pictures, by path.
    pub samples: Vec<Sample>,
    /// The pictures left out because of their labels, and why.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// A picture and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The picture's file.
    pub image: PathBuf,
    /// What result files call it.
    pub id: ImageId,
    /// What is in it, in shares of the picture's sides; empty for a background.
    pub labels: Vec<Label>,
}

impl Dataset {
    /// Finds the labels of `images`.
    pub(crate) fn with_labels_of(
        images: Vec<PathBuf>,
        class_names: Vec<String>,
        category_ids: Vec<Option<u64>>,
    ) -> Self {
        let mut dataset = Self { class_names, category_ids, samples: Vec::new(), skipped: Vec::new() };
        for image in images {
            match read_labels(&label_path(&image), dataset.class_names.len()) {
                Ok(labels) => dataset.samples.push(Sample { id: ImageId::of(&image), image, labels }),
                Err(error) => dataset.skipped.push((image, error)),
            }
        }
        dataset
    }
}

/// The pictures of an entry, sorted and each once: all in a folder and its folders, or those a text file lists.
pub(crate) fn pictures(entries: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in entries {
        let before = found.len();
        if entry.is_dir() {
            collect_folder(entry, &mut found)?;
        } else {
            collect_list(entry, &mut found)?;
        }
        if found.len() == before {
            return Err(Error::NoPictures { path: entry.clone() });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect_folder(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |error| Error::Unreadable { path: folder.to_owned(), error };
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect_folder(&path, found)?;
        } else if is_picture(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// One path a line; relative ones start at the list's own folder.
fn collect_list(list: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let text = std::fs::read_to_string(list).map_err(|error| Error::Unreadable { path: list.to_owned(), error })?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    found
        .extend(lines.map(|line| folder.join(line.strip_prefix("./").unwrap_or(line))).filter(|path| is_picture(path)));
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| PICTURES.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
