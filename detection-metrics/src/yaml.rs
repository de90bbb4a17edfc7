//! The ultralytics data set file: where the pictures of each split are and what the classes are called.
//!
//! Left out: `download` scripts, keypoints, and the search for data sets in a folder set up elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::coco::CATEGORY_IDS;
use crate::dataset::{Dataset, pictures};
use crate::error::Error;

/// How ultralytics knows COCO from other data sets of 80 classes.
const COCO_LISTS: [&str; 2] = ["val2017.txt", "test-dev2017.txt"];

/// A part of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// What the detector was trained on.
    Train,
    /// What it was tuned by.
    #[default]
    Val,
    /// What nobody looked at before.
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

/// One place of pictures or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entries {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl Dataset {
    /// Reads a data set file and the labels of one of its splits. Relative paths start at `path:` of the file, that at
    /// the file's folder or else at the working directory.
    ///
    /// # Errors
    /// The file is not a data set's, lacks the split, or there are no pictures; broken label files are no error but
    /// in `skipped`.
    pub fn from_yaml(path: &Path, split: Split) -> Result<Self, Error> {
        let unreadable = |error| Error::Unreadable { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let file: DatasetFile = serde_saphyr::from_str(&text).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            expected: "a data set file",
            reason: error.without_snippet().to_string(),
        })?;
        let home = std::path::absolute(path).map_err(unreadable)?;
        let home = home.parent().expect("a file that was read is in a folder");
        let root = match &file.path {
            Some(root) if home.join(root).is_dir() => home.join(root),
            Some(root) => std::path::absolute(root).map_err(unreadable)?,
            None => home.to_owned(),
        };
        let splits = [(Split::Train, &file.train), (Split::Val, &file.val), (Split::Test, &file.test)];
        let entries = match splits.iter().find(|(key, _)| *key == split).and_then(|(_, entries)| entries.as_ref()) {
            Some(Entries::One(entry)) => vec![root.join(entry)],
            Some(Entries::Many(entries)) => entries.iter().map(|entry| root.join(entry)).collect(),
            None => {
                let found: Vec<_> =
                    splits.iter().filter(|(_, entries)| entries.is_some()).map(|(key, _)| key.key()).collect();
                let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
                return Err(Error::MissingSplit { path: path.to_owned(), split: split.key(), found });
            }
        };
        let class_names = class_names(file.names, file.nc).map_err(|[expected, found]| Error::ClassNames {
            path: path.to_owned(),
            expected,
            found,
        })?;
        let category_ids = category_ids(&entries, class_names.len());
        Ok(Self::with_labels_of(pictures(&entries)?, class_names, category_ids))
    }
}

/// COCO's own lists have COCO's own numbers; the classes of other data sets count from 1.
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

/// The names by class number; otherwise what was expected and what found.
fn class_names(names: Option<ClassNames>, count: Option<usize>) -> Result<Vec<String>, [String; 2]> {
    let names = match (names, count) {
        (Some(ClassNames(names)), _) => names,
        (None, Some(count)) => (0..count).map(|class| (class, format!("class_{class}"))).collect(),
        (None, None) => return Err(["names or nc".to_owned(), "neither".to_owned()]),
    };
    if let Some((found, expected)) = names.keys().zip(0..).find(|(found, expected)| **found != *expected) {
        return Err([format!("class {expected} next"), format!("class {found}")]);
    }
    match count {
        Some(count) if count != names.len() => Err([format!("{count} as nc says"), names.len().to_string()]),
        _ => Ok(names.into_values().collect()),
    }
}

/// Names by class number, written as a map or as a list.
struct ClassNames(BTreeMap<usize, String>);

impl<'de> Deserialize<'de> for ClassNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClassNamesVisitor)
    }
}

/// An untagged enum would lose what was written: a class called `no` or `7` is a text here.
struct ClassNamesVisitor;

impl<'de> Visitor<'de> for ClassNamesVisitor {
    type Value = ClassNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("class names as a list or by number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<ClassNames, A::Error> {
        let mut numbered = BTreeMap::new();
        while let Some(name) = names.next_element()? {
            numbered.insert(numbered.len(), name);
        }
        Ok(ClassNames(numbered))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut names: A) -> Result<ClassNames, A::Error> {
        let mut numbered = BTreeMap::new();
        while let Some((number, name)) = names.next_entry()? {
            numbered.insert(number, name);
        }
        Ok(ClassNames(numbered))
    }
}
