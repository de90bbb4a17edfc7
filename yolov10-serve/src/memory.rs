//! Sums up the memory reports of several detectors, for answers and logs.

use std::time::Instant;

use serde::Serialize;
use yolov10_media::milliseconds;
use yolov10_model::memory::{Bytes, FreeReport, MemoryReport};

use crate::problem::Problem;

/// Why memory was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A request asked for it.
    Unloaded,
    /// Another model needed its memory.
    Evicted,
    /// The model had no work for a long time.
    Idle,
    /// The server is ending.
    Shutdown,
    /// A new version replaced it.
    Reloaded,
    /// Only its workspace was freed, on request or after a time without work.
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

/// What a model freed, for answers and logs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Freed {
    pub(crate) model: String,
    pub(crate) reason: &'static str,
    /// Reserved bytes that were freed.
    pub(crate) released: u64,
    /// Reserved bytes that should have been freed and were not.
    pub(crate) residue: u64,
    pub(crate) took_ms: f64,
    pub(crate) before: MemoryReport,
    pub(crate) after: MemoryReport,
}

impl Freed {
    /// Sums up the reports of a model's detectors.
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

    /// Fails if there is residue, naming the bytes.
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

/// How a model's detectors hold their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// Each has its own.
    Own,
    /// All share one copy: each reports it in full; the last one to close frees it.
    Shared,
}

/// Adds up the bytes of each kind; values of the process as a whole come from the last report.
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
