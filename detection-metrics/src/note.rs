//! Anything odd about a data set that does not prevent measuring but is worth knowing.

use std::fmt;
use std::path::PathBuf;

use crate::image_id::ImageId;
use crate::text;

/// The most names that a note lists.
const LISTED: usize = 5;

/// Something odd. Its text is one line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// No picture has labels: they may be in another place.
    NoLabels {
        /// How many pictures there are.
        pictures: usize,
        /// Where the labels of the first one would be.
        looked_for: PathBuf,
    },
    /// Annotations without a box are left out.
    WithoutBox {
        /// How many there are.
        annotations: usize,
    },
    /// Annotations of categories that the file does not define are left out.
    UnknownCategories {
        /// How many there are.
        annotations: usize,
        /// The first such category.
        first: u64,
    },
    /// Annotations of pictures that the file does not list are left out.
    UnknownImages {
        /// How many there are.
        annotations: usize,
        /// The first such picture.
        first: ImageId,
    },
    /// The detector has no classes with these names, so their objects are not looked for.
    UnknownToDetector {
        /// The categories that are in use.
        categories: Vec<String>,
        /// How many categories the file defines.
        of: usize,
    },
    /// Classes have other names in the data set than in the detector; their numbers decide.
    OtherNames {
        /// How many classes.
        classes: usize,
        /// The first one.
        first: usize,
        /// Its name in the data set.
        dataset: String,
        /// Its name in the detector.
        detector: String,
    },
}

impl Note {
    /// A note if the classes of a data set and of a detector have different names.
    pub fn other_names(dataset: &[String], detector: &[String]) -> Option<Self> {
        let differs = |(_, (one, other)): &(usize, (&String, &String))| one != other;
        let mut differing = dataset.iter().zip(detector).enumerate().filter(differs);
        let (first, (in_dataset, in_detector)) = differing.next()?;
        let (dataset, detector) = (in_dataset.clone(), in_detector.clone());
        Some(Self::OtherNames { classes: 1 + differing.count(), first, dataset, detector })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLabels { pictures, looked_for } => {
                let looked_for = looked_for.display();
                write!(f, "no labels for any of the {pictures} pictures; those of the first one would be {looked_for}")
            }
            Self::WithoutBox { annotations } => write!(f, "{annotations} annotations without a bbox: left out"),
            Self::UnknownCategories { annotations, first } => {
                write!(f, "{annotations} annotations of categories that are not defined, {first} for one: left out")
            }
            Self::UnknownImages { annotations, first } => {
                write!(f, "{annotations} annotations of pictures that are not listed, {first} for one: left out")
            }
            Self::UnknownToDetector { categories, of } => {
                let listed: Vec<String> = categories.iter().take(LISTED).map(|name| quoted(name)).collect();
                let more = if categories.len() > LISTED { ", .." } else { "" };
                let (count, listed) = (categories.len(), listed.join(", "));
                write!(f, "{count} of {of} categories have no class in the weights: {listed}{more}")
            }
            Self::OtherNames { classes, first, dataset, detector } => {
                let (dataset, detector) = (quoted(dataset), quoted(detector));
                write!(
                    f,
                    "{classes} classes have other names than in the weights: class {first} is {dataset} here, \
                     {detector} there; numbers decide"
                )
            }
        }
    }
}

/// In quotes and on one line, whatever the file has there.
fn quoted(name: &str) -> String {
    format!("{:?}", text::shown(name))
}
