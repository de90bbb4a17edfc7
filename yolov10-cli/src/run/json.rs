//! The lines of `--json`: an object for a picture and what is in it, or for a picture that failed.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use yolov10_media::About;
use yolov10_model::Detection;

use super::searched::Searched;
use crate::milliseconds::StageMilliseconds;

#[derive(Serialize)]
struct PictureLine<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    /// Of a frame, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a str>,
    width: usize,
    height: usize,
    detections: Vec<Object<'a>>,
    ms: StageMilliseconds,
}

/// A detection; its box is left, top, right, bottom in pixels of the picture.
#[derive(Serialize)]
struct Object<'a> {
    class: usize,
    name: &'a str,
    score: f32,
    r#box: [f32; 4],
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    error: &'a str,
}

/// The line of a picture that was searched.
pub fn picture_line(about: &About, searched: &Searched, class_names: &[String]) -> Result<String> {
    let object = |&Detection { class, score, rect }: &Detection| Object {
        class,
        name: &class_names[class],
        score,
        r#box: [rect.x1, rect.y1, rect.x2, rect.y2],
    };
    Ok(serde_json::to_string(&PictureLine {
        image: &about.name,
        frame: about.frame.map(|frame| frame.number),
        time: about.frame.and_then(|frame| frame.at).map(seconds),
        damage: about.damage.as_deref(),
        width: searched.size.width,
        height: searched.size.height,
        detections: searched.detections.iter().map(object).collect(),
        ms: searched.speed.into(),
    })?)
}

/// The line of a picture that failed.
pub fn error_line(about: &About, error: &str) -> Result<String> {
    let frame = about.frame.map(|frame| frame.number);
    Ok(serde_json::to_string(&ErrorLine { image: &about.name, frame, error })?)
}

/// To the microsecond, as videos count.
fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}
