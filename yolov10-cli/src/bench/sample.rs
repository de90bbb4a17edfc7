//! Summaries of repeated time measurements.

use std::time::Duration;

use serde::Serialize;
use yolov10_media::milliseconds;

/// Statistics of a sample, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// Summarizes a sample of at least one time.
pub fn summarize(mut times: Vec<Duration>) -> Summary {
    times.sort_unstable();
    // The smallest time that at least this share of the sample does not exceed (nearest rank).
    let percentile = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        milliseconds(times[rank - 1])
    };
    let total: Duration = times.iter().sum();
    Summary {
        min: percentile(0),
        mean: milliseconds(total / times.len() as u32),
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        max: percentile(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let expected = Summary { min: 1.0, mean: 100.5, p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(summarize(times), expected);
        let one = summarize(vec![Duration::from_millis(7)]);
        assert_eq!((one.min, one.p50, one.p99, one.max), (7.0, 7.0, 7.0, 7.0));
    }
}
