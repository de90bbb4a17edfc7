//! Everything that can be wrong with a data set, its annotations or predictions.

use std::path::PathBuf;

/// Why there is nothing to measure, or a picture had to be left out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system did not let a file or folder be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
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
        /// The split asked for.
        split: &'static str,
        /// Those there are.
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
    /// None of the places a data set names has a picture.
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
        /// What should be there.
        expected: String,
        /// What is.
        content: String,
    },
    /// A class number that the detector or the data set does not have.
    #[error("class {found}: expected a number below {classes}")]
    UnknownClass {
        /// The number.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A prediction for a picture that the annotations do not know.
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
