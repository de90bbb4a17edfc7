//! Several detectors' reports as one, and how they are written.

use std::time::{Duration, Instant};

use serde::Serialize;
use yolov10_model::memory::{Bytes, FreeReport, MemoryReport};

use crate::problem::Problem;

/// Why a model went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was asked for.
    Unloaded,
    /// Another one needed its memory.
    Evicted,
    /// It had no work for long.
    Idle,
    /// The server ends.
    Shutdown,
    /// Another version of it took its place.
    Reloaded,
    /// Its workspace alone, on request or after a while.
    Trimmed,
}

impl Why {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Evicted => "evicted",
            Self::Idle => "idle",
            Self::Shutdown => "shutdown",
            Self::Reloaded => "reloaded",
            Self::Trimmed => "trimmed",
        }
    }
}

/// What a model gave back, as answers and logs say it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Freed {
    pub(crate) model: String,
    pub(crate) reason: &'static str,
    /// Reserved bytes that went back.
    pub(crate) released: u64,
    /// Reserved bytes that should have gone back and did not.
    pub(crate) residue: u64,
    pub(crate) took_ms: f64,
    pub(crate) before: MemoryReport,
    pub(crate) after: MemoryReport,
}

impl Freed {
    /// The sum over a model's detectors.
    pub(crate) fn new(model: &str, why: Why, started: Instant, reports: &[FreeReport], weights: Weights) -> Self {
        Self {
            model: model.to_owned(),
            reason: why.name(),
            released: reports.iter().map(|report| report.released).sum(),
            residue: reports.iter().map(|report| report.residue).sum(),
            took_ms: milliseconds(started.elapsed()),
            before: sum(reports.iter().map(|report| report.before), weights),
            after: sum(reports.iter().map(|report| report.after), weights),
        }
    }

    /// As an answer: residue is a failure that names the bytes.
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        match self.residue {
            0 => Ok(self),
            residue => Err(Problem::internal(format_args!(
                "model {}: {residue} bytes were not given back, {} were",
                self.model, self.released
            ))),
        }
    }
}

/// Whose weights a model's detectors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// Each its own.
    Own,
    /// All the same: each reports them in full, and they are there once. The last to go takes them along.
    Shared,
}

/// Bytes of each kind added up; what the process as a whole has is the last one's.
pub(crate) fn sum(reports: impl IntoIterator<Item = MemoryReport>, weights: Weights) -> MemoryReport {
    let nothing = Bytes::default();
    reports.into_iter().fold(MemoryReport::default(), |total, report| MemoryReport {
        weights: if weights == Weights::Own { total.weights } else { nothing } + report.weights,
        workspace: total.workspace + report.workspace,
        staging: total.staging + report.staging,
        resident: report.resident.or(total.resident),
        driver: report.driver.or(total.driver),
    })
}

/// To the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}
