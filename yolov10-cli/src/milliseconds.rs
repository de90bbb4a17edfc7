//! Times as results say them.

use std::time::Duration;

use serde::Serialize;
use yolov10_model::speed::Speed;

/// To the microsecond: what is behind is noise.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// How long each stage took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StageMilliseconds {
    pub preprocess: f64,
    pub inference: f64,
    pub postprocess: f64,
}

impl From<Speed> for StageMilliseconds {
    fn from(Speed { preprocess, inference, postprocess }: Speed) -> Self {
        let [preprocess, inference, postprocess] = [preprocess, inference, postprocess].map(milliseconds);
        Self { preprocess, inference, postprocess }
    }
}
