//! Everything that can be wrong with a data set, its annotations or predictions. The operating system's error is the
//! `source`, not part of the text.

use std::path::PathBuf;

/// Why there is nothing to measure, or a picture had to be left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: cannot read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A device, which has no end.
    #[error("{}: expected a file, found a device", path.display())]
    NotAFile {
        /// The device.
        path: PathBuf,
    },
    /// A file is larger than any of its kind.
    #[error("{}: expected at most {limit} bytes, found {found}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
        /// Its size.
        found: u64,
    },
    /// A text is not UTF-8.
    #[error("{}: expected text in UTF-8, found {found}: save it again as UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Its encoding.
        found: &'static str,
    },
    /// A line of a list is too long for a path.
    #[error("{}:{line}: expected a path of at most {limit} bytes, found {found}", path.display())]
    LongPath {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The most bytes of a path.
        limit: usize,
        /// Bytes of the line.
        found: usize,
    },
    /// A file is not what it should be.
    #[error("{}: not {expected}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A data set has no pictures under this name.
    #[error("{}: no split {split:?}, found {found}", path.display())]
    MissingSplit {
        /// The data set file.
        path: PathBuf,
        /// The split that was asked for.
        split: &'static str,
        /// The splits that there are.
        found: String,
    },
    /// A data set's class names contradict themselves.
    #[error("{}: class names: expected {expected}, found {found}", path.display())]
    ClassNames {
        /// The data set file.
        path: PathBuf,
        /// What they should be.
        expected: String,
        /// What they are.
        found: String,
    },
    /// A place that the data set names has no pictures.
    #[error("{}: no pictures found in it", path.display())]
    NoPictures {
        /// The file, folder or list.
        path: PathBuf,
    },
    /// A line of a label file that is not a label.
    #[error("{}:{line}: expected {expected}, found {content:?}", path.display())]
    Label {
        /// The label file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should be on it.
        expected: String,
        /// What is on it.
        content: String,
    },
    /// Too many classes to compare each with each.
    #[error("classes: expected at most {limit}, found {found}")]
    TooManyClasses {
        /// The most that are allowed.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// A class number that the detector or the data set does not have.
    #[error("class {found}: expected a number below {classes}")]
    UnknownClass {
        /// The number.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A prediction for a picture that is not in the annotations.
    #[error("prediction for image {found}: the annotations have no such image")]
    UnknownImage {
        /// The picture's id.
        found: String,
    },
    /// A plot could not be drawn.
    #[error("plot {plot}: {reason}")]
    Plot {
        /// Which one.
        plot: &'static str,
        /// What went wrong.
        reason: String,
    },
}
