//! The lines of `--json`: one object per picture, with its detections or its error.

use anyhow::Result;
use yolov10_media::{About, ErrorRow, Row};

use super::searched::Searched;

/// The line of a searched picture.
pub fn picture_line(about: &About, searched: &Searched, class_names: &[String]) -> Result<String> {
    let Searched { size, detections, speed, .. } = searched;
    Ok(serde_json::to_string(&Row::new(about, *size, detections, *speed, class_names))?)
}

/// The same line without times.
pub fn timeless_line(about: &About, searched: &Searched, class_names: &[String]) -> Result<String> {
    let Searched { size, detections, speed, .. } = searched;
    Ok(serde_json::to_string(&Row::new(about, *size, detections, *speed, class_names).timeless())?)
}

/// The line of a picture that failed.
pub fn error_line(about: &About, error: &str) -> Result<String> {
    Ok(serde_json::to_string(&ErrorRow::new(about, error))?)
}
