//! Statistics of a model, counted as in Triton.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::problem::Kind;
use crate::queue::Done;

/// How often something was done, and its total time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Tally {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.time += time;
    }

    pub(crate) fn nanoseconds(&self) -> u64 {
        u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn microseconds(&self) -> u64 {
        u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Times of the stages for one batch size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stages {
    pub(crate) input: Tally,
    pub(crate) infer: Tally,
    pub(crate) output: Tally,
}

/// Reasons for failures, named as in Triton's metrics.
pub(crate) const REASONS: [&str; 4] = ["REJECTED", "CANCELED", "BACKEND", "OTHER"];

/// Upper bounds of the latency histogram's buckets, in seconds.
pub(crate) const LATENCIES: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The counts of a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) success: Tally,
    pub(crate) fail: Tally,
    /// Failures, in the order of [`REASONS`].
    pub(crate) failures: [u64; 4],
    pub(crate) queue: Tally,
    pub(crate) stages: Stages,
    /// Pictures searched.
    pub(crate) inferences: u64,
    /// Calls of a detector; a batch counts once.
    pub(crate) executions: f64,
    /// Time of the last search, in milliseconds since 1970.
    pub(crate) last_inference: u64,
    pub(crate) batches: BTreeMap<usize, Stages>,
    /// Answers by latency; the last entry counts those beyond all buckets.
    pub(crate) latencies: [u64; LATENCIES.len() + 1],
    /// Bytes freed by unloading and trimming.
    pub(crate) freed: u64,
    /// Bytes that should have been freed and were not.
    pub(crate) residue: u64,
    pub(crate) evictions: u64,
    pub(crate) loads: u64,
}

/// The counts of a model, shared by threads.
#[derive(Debug, Default)]
pub(crate) struct Stats(Mutex<Numbers>);

impl Stats {
    pub(crate) fn numbers(&self) -> Numbers {
        self.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.lock());
    }

    /// Counts a request answered after `took`.
    pub(crate) fn succeeded(&self, done: &Done, took: Duration) {
        let pictures = done.seen.len();
        let times = u32::try_from(pictures).unwrap_or(u32::MAX);
        let mut numbers = self.lock();
        numbers.success.add(took);
        numbers.queue.add(done.queued);
        let speed = done.speed;
        let [input, infer, output] = [speed.preprocess, speed.inference, speed.postprocess].map(|time| time * times);
        numbers.stages.add(input, infer, output);
        numbers.batches.entry(done.batch).or_default().add(input, infer, output);
        numbers.inferences += pictures as u64;
        numbers.executions += pictures as f64 / done.batch.max(1) as f64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        numbers.last_inference = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let bucket = LATENCIES.iter().position(|end| took.as_secs_f64() <= *end).unwrap_or(LATENCIES.len());
        numbers.latencies[bucket] += 1;
    }

    /// Counts a failed request; `None` if the client hung up.
    pub(crate) fn failed(&self, kind: Option<Kind>, took: Duration) {
        let mut numbers = self.lock();
        numbers.fail.add(took);
        let reason = match kind {
            None => 1,
            Some(Kind::Busy | Kind::Deadline) => 0,
            Some(Kind::Internal) => 2,
            Some(_) => 3,
        };
        numbers.failures[reason] += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stages {
    fn add(&mut self, input: Duration, infer: Duration, output: Duration) {
        self.input.add(input);
        self.infer.add(infer);
        self.output.add(output);
    }
}
