//! A picture and what is in it, as JSON: a line of `run --json`, or an answer of the server.

use std::time::Duration;

use serde::Serialize;
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Size};

use crate::About;

/// A picture that was searched.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    /// The time of a frame, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    /// What is wrong with a picture, if a part of it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a str>,
    width: usize,
    height: usize,
    detections: Vec<Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<StageMilliseconds>,
}

/// A detection; its box is left, top, right, bottom in pixels of the picture.
#[derive(Debug, Serialize)]
struct Object<'a> {
    class: usize,
    name: &'a str,
    score: f32,
    r#box: [f32; 4],
}

/// How long each stage took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StageMilliseconds {
    /// Letterbox and normalisation.
    pub preprocess: f64,
    /// The network.
    pub inference: f64,
    /// Ranking and decoding.
    pub postprocess: f64,
}

impl From<Speed> for StageMilliseconds {
    fn from(Speed { preprocess, inference, postprocess }: Speed) -> Self {
        let [preprocess, inference, postprocess] = [preprocess, inference, postprocess].map(milliseconds);
        Self { preprocess, inference, postprocess }
    }
}

/// A picture that could not be searched.
#[derive(Debug, Serialize)]
pub struct ErrorRow<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    error: &'a str,
}

impl<'a> Row<'a> {
    /// The row of a picture of this size. A class without a name gets an empty one.
    pub fn new(
        about: &'a About,
        size: Size,
        detections: &[Detection],
        speed: Speed,
        class_names: &'a [String],
    ) -> Self {
        let object = |&Detection { class, score, rect }: &Detection| Object {
            class,
            name: class_names.get(class).map_or("", String::as_str),
            score,
            r#box: [rect.x1, rect.y1, rect.x2, rect.y2],
        };
        Self {
            image: &about.name,
            frame: about.frame.map(|frame| frame.number),
            time: about.frame.and_then(|frame| frame.at).map(seconds),
            damage: about.damage.as_deref(),
            width: size.width,
            height: size.height,
            detections: detections.iter().map(object).collect(),
            ms: Some(speed.into()),
        }
    }

    /// The same without times, so that it is the same whenever and wherever it is made.
    pub fn timeless(self) -> Self {
        Self { ms: None, ..self }
    }
}

impl<'a> ErrorRow<'a> {
    /// The row of a picture that failed.
    pub fn new(about: &'a About, error: &'a str) -> Self {
        Self { image: &about.name, frame: about.frame.map(|frame| frame.number), error }
    }
}

/// A time in milliseconds, to the microsecond: anything finer is noise.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// A time in seconds, to the microsecond, as videos count.
pub fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}
