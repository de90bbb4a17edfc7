//! COCO result files: one object per detection, boxes in pixels of the picture.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bounds::Detection;
use crate::error::Error;
use crate::image_id::ImageId;
use crate::text;

/// A detection as COCO's result files hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The picture.
    pub image_id: ImageId,
    /// The picture's file, for people; COCO does not need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// The category, by COCO's or the data set's number.
    pub category_id: u64,
    /// Left, top, width, height in pixels of the picture.
    pub bbox: [f64; 4],
    /// Confidence, 0..1.
    pub score: f64,
}

impl Prediction {
    /// A detection in pixels of its picture, with as many digits as ultralytics keeps.
    pub fn new(image: &Path, image_id: ImageId, category_id: u64, detection: &Detection) -> Self {
        Self {
            image_id,
            file_name: image.file_name().map(|name| name.to_string_lossy().into_owned()),
            category_id,
            bbox: detection.bounds.to_xywh().map(|pixels| rounded(pixels, 3)),
            score: rounded(f64::from(detection.score), 5),
        }
    }
}

/// Rounds to this many decimals by way of text, because scaling would round twice.
fn rounded(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().expect("a formatted number is a number")
}

/// Reads a result file.
///
/// # Errors
/// The file can't be read or is not a result file.
pub fn read_predictions(path: &Path) -> Result<Vec<Prediction>, Error> {
    let text = text::read(path, text::LARGEST)?;
    serde_json::from_str(&text).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        expected: "a COCO result file",
        reason: text::shown(&error.to_string()),
    })
}

/// Writes a result file.
///
/// # Errors
/// Those of the writer.
pub fn write_predictions(writer: impl io::Write, predictions: &[Prediction]) -> io::Result<()> {
    Ok(serde_json::to_writer(writer, predictions)?)
}
