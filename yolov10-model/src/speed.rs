//! How long the stages of a call take.

use std::iter::Sum;
use std::ops::{Add, Mul};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the stages of one call took, per picture. Sums and means are computed stage by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Speed {
    /// Letterbox and normalisation.
    pub preprocess: Duration,
    /// The network.
    pub inference: Duration,
    /// Ranking and decoding.
    pub postprocess: Duration,
}

impl Speed {
    /// The three together.
    pub fn total(&self) -> Duration {
        self.preprocess.saturating_add(self.inference).saturating_add(self.postprocess)
    }

    /// The mean per picture, if `pictures` took this long together; all of it if there are none.
    pub fn per(self, pictures: usize) -> Self {
        let pictures = u32::try_from(pictures.max(1)).unwrap_or(u32::MAX);
        self.map(|time| time / pictures)
    }

    fn map(self, change: impl Fn(Duration) -> Duration) -> Self {
        Self {
            preprocess: change(self.preprocess),
            inference: change(self.inference),
            postprocess: change(self.postprocess),
        }
    }
}

impl Add for Speed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            preprocess: self.preprocess.saturating_add(other.preprocess),
            inference: self.inference.saturating_add(other.inference),
            postprocess: self.postprocess.saturating_add(other.postprocess),
        }
    }
}

impl Mul<u32> for Speed {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        self.map(|time| time.saturating_mul(times))
    }
}

impl Sum for Speed {
    fn sum<I: Iterator<Item = Self>>(speeds: I) -> Self {
        speeds.fold(Self::default(), Add::add)
    }
}

/// A clock that is told when a stage is over; with several threads, the last one counts.
pub(crate) struct Stopwatch {
    started: Instant,
    /// Nanoseconds from the start to the end of a stage.
    preprocessed: AtomicU64,
    inferred: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), preprocessed: AtomicU64::new(0), inferred: AtomicU64::new(0) }
    }

    /// The input, or a part of it, is letterboxed; the last call counts.
    pub(crate) fn preprocessed(&self) {
        self.preprocessed.fetch_max(self.elapsed(), Ordering::Relaxed);
    }

    /// The network has run.
    pub(crate) fn inferred(&self) {
        self.inferred.fetch_max(self.elapsed(), Ordering::Relaxed);
    }

    /// The detections are ready.
    pub(crate) fn stop(self) -> Speed {
        let [preprocess, inferred] =
            [self.preprocessed, self.inferred].map(|stage| Duration::from_nanos(stage.into_inner()));
        Speed {
            preprocess,
            inference: inferred.saturating_sub(preprocess),
            postprocess: self.started.elapsed().saturating_sub(inferred),
        }
    }

    fn elapsed(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}
