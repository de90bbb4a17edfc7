//! Times as results say them.

use std::time::Duration;

pub use yolov10_media::StageMilliseconds;

/// To the microsecond: anything finer is noise.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// To the microsecond, as videos count.
pub fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}
