//! The ultralytics data set file: where the pictures of each split are, and the names of the classes.
//!
//! Left out: `download` scripts, keypoints, and the search for data sets in a folder set up elsewhere.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::class_names::{self, ClassList, ClassNames, parse_yaml};
use crate::coco::CATEGORY_IDS;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::pictures::pictures;
use crate::text;

/// How ultralytics knows COCO from other data sets of 80 classes.
const COCO_LISTS: [&str; 2] = ["val2017.txt", "test-dev2017.txt"];

/// A part of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// What the detector was trained on.
    Train,
    /// What it was tuned on.
    #[default]
    Val,
    /// What it has never seen.
    Test,
}

impl Split {
    /// Its key in the file.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

#[derive(Deserialize)]
struct DatasetFile {
    path: Option<PathBuf>,
    train: Option<Entries>,
    #[serde(alias = "validation")]
    val: Option<Entries>,
    test: Option<Entries>,
    names: Option<ClassNames>,
    nc: Option<usize>,
}

/// One or several places with pictures.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entries {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl Dataset {
    /// Reads a data set file and the labels of one of its splits. Relative paths start at the file's `path:`, which itself
    /// starts at the file's folder or else at the working directory. If there is no `../images`, `images` is tried, for
    /// Roboflow's exports.
    ///
    /// # Errors
    /// The file is not a data set file, lacks the split, or there are no pictures. Broken label files are not errors but are
    /// in `skipped`.
    pub fn from_yaml(path: &Path, split: Split) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let text = text::read(path, class_names::MAX_BYTES)?;
        let file: DatasetFile = parse_yaml(path, &text)?;
        let home = std::path::absolute(path).map_err(unreadable)?;
        let home = home.parent().expect("a file that was read is in a folder");
        let root = match &file.path {
            Some(root) if home.join(root).is_dir() => home.join(root),
            Some(root) => std::path::absolute(root).map_err(unreadable)?,
            None => home.to_owned(),
        };
        let splits = [(Split::Train, &file.train), (Split::Val, &file.val), (Split::Test, &file.test)];
        let entries = match splits.iter().find(|(key, _)| *key == split).and_then(|(_, entries)| entries.as_ref()) {
            Some(Entries::One(entry)) => vec![place(&root, entry)],
            Some(Entries::Many(entries)) => entries.iter().map(|entry| place(&root, entry)).collect(),
            None => {
                let found: Vec<_> =
                    splits.iter().filter(|(_, entries)| entries.is_some()).map(|(key, _)| key.key()).collect();
                let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
                return Err(Error::MissingSplit { path: path.to_owned(), split: split.key(), found });
            }
        };
        let wrong = |[expected, found]: [String; 2]| Error::ClassNames { path: path.to_owned(), expected, found };
        let classes = ClassList::new(file.names, file.nc).map_err(wrong)?;
        let category_ids = category_ids(&entries, classes.names.len());
        Ok(Self::with_labels_of(pictures(&entries)?, classes, category_ids))
    }
}

/// Where an entry's pictures are. Roboflow writes `../valid/images` into a file beside the folder `valid`: like the reference,
/// this drops the dots if nothing is there with them.
fn place(root: &Path, entry: &Path) -> PathBuf {
    let place = root.join(entry);
    match entry.strip_prefix("..") {
        Ok(inner) if !place.exists() => root.join(inner),
        _ => place,
    }
}

/// COCO's own lists have COCO's own numbers; the classes of other data sets are numbered from 1.
fn category_ids(entries: &[PathBuf], classes: usize) -> Vec<Option<u64>> {
    let is_coco = |entry: &PathBuf| {
        let in_coco = entry.to_string_lossy().contains("coco");
        in_coco && COCO_LISTS.iter().any(|list| entry.ends_with(list))
    };
    if classes == CATEGORY_IDS.len() && entries.iter().all(is_coco) {
        CATEGORY_IDS.map(Some).to_vec()
    } else {
        (1..=classes as u64).map(Some).collect()
    }
}
