//! A detector on its own thread: it searches the pictures in its model's queue, grows within the budget, trims, and
//! closes at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yolov10_cpu::Error as CpuError;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Error, Size};

use crate::budget::{Full, Share};
use crate::model_detector::ModelDetector;
use crate::picture::{Picture, Seen};
use crate::problem::Problem;
use crate::queue::{Batching, Done, Job, Next, Queue};
use crate::work::Work;

/// What a detector holds, visible to others while it works.
pub(crate) struct Holding(Mutex<Held>);

/// Which of a detector's bytes its share of the budget covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// All of them.
    Everything,
    /// All but the weights, which belong to another detector.
    WithoutWeights,
}

struct Held {
    memory: MemoryReport,
    counts: Counts,
    share: Share,
    process: Option<u32>,
    is_trimmed: bool,
}

impl Holding {
    pub(crate) fn new(memory: MemoryReport, mut share: Share, counts: Counts, process: Option<u32>) -> Self {
        share.record(counts.of(&memory));
        Self(Mutex::new(Held { memory, counts, share, process, is_trimmed: true }))
    }

    pub(crate) fn memory(&self) -> MemoryReport {
        self.lock().memory
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.lock().process
    }

    /// Whether it holds nothing but the weights.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.lock().is_trimmed
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of(self, memory: &MemoryReport) -> u64 {
        let all = memory.total().reserved;
        match self {
            Self::Everything => all,
            Self::WithoutWeights => all - memory.weights.reserved,
        }
    }
}

/// A detector and everything that it works with.
pub(crate) struct Instance {
    pub(crate) detector: ModelDetector,
    pub(crate) queue: Arc<Queue>,
    /// Counted here too: a model is busy while it searches, even if the client has hung up.
    pub(crate) work: Arc<Work>,
    /// Its index among the detectors of the queue.
    pub(crate) index: usize,
    pub(crate) batching: Batching,
    pub(crate) holding: Arc<Holding>,
    /// Frees bytes elsewhere if possible.
    pub(crate) make_room: Arc<dyn Fn(Full) -> bool + Send + Sync>,
    /// Inputs seen since the last trim: these take no more memory.
    pub(crate) seen_inputs: Vec<Size>,
}

/// Most inputs to remember: as many as an engine keeps plans for.
const INPUTS: usize = 8;

impl Instance {
    /// Works until the queue is closed, then frees everything.
    pub(crate) fn work(mut self) -> Result<FreeReport, Error> {
        loop {
            match self.queue.next(self.index, self.batching) {
                Next::Search(jobs) => {
                    self.work.begin();
                    self.search(jobs);
                    self.work.end();
                }
                Next::Trim(reply) => {
                    // The caller may have stopped waiting.
                    reply.send(self.trim()).ok();
                }
                Next::Close => break,
            }
        }
        let freed = self.detector.close();
        self.holding.lock().share.record(0);
        freed
    }

    fn search(&mut self, jobs: Vec<Job>) {
        let waited: Vec<_> = jobs.iter().map(Job::waited).collect();
        let pictures: Vec<&Picture> = jobs.iter().flat_map(|job| &job.pictures).collect();
        let batch = pictures.len();
        // A panic is a bug in the engine; the next picture may still work.
        let found = catch_unwind(AssertUnwindSafe(|| {
            let found = detect(&mut self.detector, &pictures, &self.holding, &*self.make_room);
            let is_new = note_inputs(&mut self.seen_inputs, &self.detector, &pictures);
            // A new worker has replaced one that was killed.
            let is_fresh = self.detector.process() != self.holding.process();
            if is_new || is_fresh || found.is_err() {
                take_stock(&mut self.detector, &self.holding);
            }
            found
        }));
        drop(pictures);
        match found {
            Ok(Ok((all, speed))) => {
                let mut all = all.into_iter();
                for (job, queued) in jobs.into_iter().zip(waited) {
                    let see = |picture: &Picture| {
                        let detections = all.next().unwrap_or_default();
                        Seen { size: picture.size, damage: picture.damage.clone(), detections }
                    };
                    let seen = job.pictures.iter().map(see).collect();
                    job.answer(Ok(Done { seen, speed, queued, batch }));
                }
            }
            Ok(Err(problem)) => jobs.into_iter().for_each(|job| job.answer(Err(problem.clone()))),
            Err(_) => {
                let problem = Problem::internal("the detector panicked");
                jobs.into_iter().for_each(|job| job.answer(Err(problem.clone())));
            }
        }
    }

    fn trim(&mut self) -> Result<FreeReport, Problem> {
        self.seen_inputs.clear();
        let freed = self.detector.trim();
        take_stock(&mut self.detector, &self.holding);
        self.holding.lock().is_trimmed = true;
        freed.map_err(Problem::internal)
    }
}

/// Searches. Takes what the engine lacks from the budget, and tries once more with a new worker.
fn detect(
    detector: &mut ModelDetector,
    pictures: &[&Picture],
    holding: &Holding,
    make_room: &(dyn Fn(Full) -> bool + Send + Sync),
) -> Result<(Vec<Vec<Detection>>, Speed), Problem> {
    let mut has_new_worker = false;
    loop {
        match detector.detect(pictures) {
            Ok(found) => return Ok(found),
            Err(Error::Engine(CpuError::MemoryLimit { requested, limit })) => {
                grow(detector, requested as u64, limit as u64, holding, make_room)?;
            }
            // The worker was killed while idle; the pictures are not lost.
            Err(Error::Worker { .. }) if !has_new_worker => has_new_worker = true,
            Err(error @ Error::Worker { .. }) => return Err(Problem::unavailable(error)),
            Err(error @ (Error::InputSize { .. } | Error::EmptyPicture(_))) => return Err(Problem::invalid(error)),
            Err(error) => return Err(Problem::internal(error)),
        }
    }
}

/// Raises the limit of the engine to `requested` bytes, if the budget has them.
fn grow(
    detector: &mut ModelDetector,
    requested: u64,
    limit: u64,
    holding: &Holding,
    make_room: &(dyn Fn(Full) -> bool + Send + Sync),
) -> Result<(), Problem> {
    let more = requested.saturating_sub(limit);
    loop {
        let full = {
            let mut held = holding.lock();
            let wanted = held.share.bytes() + more;
            match held.share.resize(wanted) {
                Ok(()) => break,
                Err(full) => full,
            }
        };
        if !make_room(full) {
            return Err(Problem::unavailable(full));
        }
    }
    detector.limit_memory(requested);
    Ok(())
}

/// Whether a picture needs an input not seen lately; remembers it.
fn note_inputs(seen: &mut Vec<Size>, detector: &ModelDetector, pictures: &[&Picture]) -> bool {
    let mut is_new = false;
    for input in pictures.iter().filter_map(|picture| detector.input(picture).ok()) {
        if !seen.contains(&input) {
            is_new = true;
            if seen.len() == INPUTS {
                seen.remove(0);
            }
            seen.push(input);
        }
    }
    is_new
}

/// Records what the detector holds now.
fn take_stock(detector: &mut ModelDetector, holding: &Holding) {
    let process = detector.process();
    // A dead worker holds nothing.
    let memory = detector.memory().unwrap_or_default();
    detector.limit_memory(memory.weights.reserved + memory.workspace.reserved);
    let mut held = holding.lock();
    let counted = held.counts.of(&memory);
    held.share.record(counted);
    held.memory = memory;
    held.process = process.or_else(|| detector.process());
    held.is_trimmed = false;
}
