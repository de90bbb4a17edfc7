//! A running model: its queue and the threads of its detectors.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use yolov10_cpu::Error as CpuError;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::options::CpuOptions;
use yolov10_model::{Detector, Device, Error, IsolatedDetector, Options, Selection, Size, Weights};

use crate::budget::{Budget, Full};
use crate::instance::{Counts, Holding, Instance};
use crate::memory::{Freed, Weights as SharedOrOwn, Why, sum};
use crate::model_detector::ModelDetector;
use crate::problem::Problem;
use crate::queue::{Batching, Queue};
use crate::settings::Maker;
use crate::work::Work;

/// Batching on a GPU: pictures per call, and how long the first waits for others. A CPU takes them one by one.
const ON_A_GPU: Batching = Batching { most: 16, window: Duration::from_millis(1) };
const ON_A_CPU: Batching = Batching { most: 1, window: Duration::ZERO };

/// Facts about a network for clients.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) class_names: Vec<String>,
    /// `n`, `s`, .. or `custom`.
    pub(crate) variant: String,
    /// Height and width of its input in pixels.
    pub(crate) input: [usize; 2],
    /// `CPU` or `GPU`: where its memory is.
    pub(crate) memory: &'static str,
}

pub(crate) struct Running {
    pub(crate) facts: Facts,
    pub(crate) queue: Arc<Queue>,
    pub(crate) work: Arc<Work>,
    /// How many pictures may be decoded at a time: those that are searched, and the next ones.
    most_decoded: usize,
    decoded: Arc<Semaphore>,
    holdings: Vec<Arc<Holding>>,
    weights: SharedOrOwn,
    threads: Mutex<Vec<JoinHandle<Result<FreeReport, Error>>>>,
}

/// What a model is started with.
pub(crate) struct Start<'a> {
    pub(crate) maker: &'a Maker,
    pub(crate) budget: &'a Arc<Budget>,
    pub(crate) instances: NonZeroUsize,
    /// Most pictures in its queue.
    pub(crate) queue: usize,
    /// Most pictures that are decoded while others are searched.
    pub(crate) decoders: usize,
    /// Frees bytes elsewhere if possible: for weights,
    pub(crate) make_room: &'a dyn Fn(Full) -> bool,
    /// and for workspace, when pictures come.
    pub(crate) make_room_later: Arc<dyn Fn(Full) -> bool + Send + Sync>,
}

impl Start<'_> {
    /// Reads the weights and makes the detectors, within the budget.
    pub(crate) fn run(&self, name: &str, file: &Path) -> Result<Arc<Running>, Problem> {
        let failed = |error: &dyn std::fmt::Display| Problem::invalid(format_args!("model {name}: {error}"));
        let weights = (self.maker.open)(file).map_err(|error| failed(&Error::with_causes(&*error)))?;
        let mut options = self.maker.options.clone();
        // The protocol's outputs hold every row, whatever its score.
        options.selection = Selection { confidence: 0.0, ..options.selection };
        let facts = facts(&weights, &options);
        let mut detectors = Vec::new();
        for _ in 0..self.instances.get() {
            let made = match &self.maker.isolate {
                Some(command) => self.isolated(command(file)),
                None => self.here(&weights, &options, detectors.first()),
            };
            detectors.push(made.map_err(|problem| match problem {
                NotMade::Full(full) => Problem::unavailable(format_args!("model {name}: {full}")),
                NotMade::Error(error) => failed(&error),
            })?);
        }
        drop(weights);
        let queue = Queue::new(self.queue, detectors.len());
        let batching = if matches!(options.device, Device::Cuda(_) | Device::Wgpu) { ON_A_GPU } else { ON_A_CPU };
        let work = Arc::new(Work::default());
        let most_decoded = detectors.len() * batching.most + self.decoders;
        let decoded = Arc::new(Semaphore::new(most_decoded));
        let mut holdings = Vec::new();
        let mut threads = Vec::new();
        for (index, (detector, holding)) in detectors.into_iter().enumerate() {
            let holding = Arc::new(holding);
            holdings.push(Arc::clone(&holding));
            let (queue, work, make_room) = (Arc::clone(&queue), Arc::clone(&work), Arc::clone(&self.make_room_later));
            let seen_inputs = Vec::new();
            let instance = Instance { detector, queue, work, index, batching, holding, make_room, seen_inputs };
            let thread = Builder::new().name(format!("{name}/{index}")).spawn(|| instance.work());
            threads.push(thread.map_err(|error| Problem::internal(format_args!("no thread: {error}")))?);
        }
        let weights = if self.maker.isolate.is_some() { SharedOrOwn::Own } else { SharedOrOwn::Shared };
        Ok(Arc::new(Running {
            facts,
            queue,
            work,
            most_decoded,
            decoded,
            holdings,
            weights,
            threads: Mutex::new(threads),
        }))
    }

    /// A detector in this process: the first one owns the weights, the others share them. The CPU engine says what it
    /// needs before it takes it.
    fn here(
        &self,
        weights: &Arc<Weights>,
        options: &Options,
        first: Option<&(ModelDetector, Holding)>,
    ) -> Result<(ModelDetector, Holding), NotMade> {
        let mut share = self.budget.nothing();
        if let Some((ModelDetector::Here(detector), _)) = first {
            let detector = detector.share().map_err(NotMade::Error)?;
            let memory = detector.memory();
            let holding = Holding::new(memory, share, Counts::WithoutWeights, None);
            return Ok((ModelDetector::Here(Box::new(detector)), holding));
        }
        let is_limited = options.device == Device::Cpu && self.budget.limit().is_some();
        let mut memory_limit = is_limited.then_some(0);
        let detector = loop {
            let cpu = CpuOptions { memory_limit, ..options.cpu.clone() };
            match Detector::new(weights, &Options { cpu, ..options.clone() }) {
                Ok(detector) => break detector,
                Err(Error::Engine(CpuError::MemoryLimit { requested, .. })) if memory_limit == Some(0) => {
                    self.claim(&mut share, requested as u64)?;
                    memory_limit = Some(requested);
                }
                Err(error) => return Err(NotMade::Error(error)),
            }
        };
        let memory = detector.memory();
        if !is_limited {
            // Engines without a limit are measured afterwards.
            self.claim(&mut share, memory.total().reserved)?;
        }
        Ok((ModelDetector::Here(Box::new(detector)), Holding::new(memory, share, Counts::Everything, None)))
    }

    fn isolated(&self, command: std::process::Command) -> Result<(ModelDetector, Holding), NotMade> {
        let mut detector = IsolatedDetector::new(command, IsolatedDetector::PATIENCE).map_err(NotMade::Error)?;
        let memory = detector.memory().map_err(NotMade::Error)?;
        let mut share = self.budget.nothing();
        self.claim(&mut share, memory.total().reserved)?;
        let process = detector.process();
        Ok((ModelDetector::Isolated(Box::new(detector)), Holding::new(memory, share, Counts::Everything, process)))
    }

    fn claim(&self, share: &mut crate::budget::Share, bytes: u64) -> Result<(), NotMade> {
        loop {
            match share.resize(bytes) {
                Ok(()) => return Ok(()),
                Err(full) if (self.make_room)(full) => {}
                Err(full) => return Err(NotMade::Full(full)),
            }
        }
    }
}

enum NotMade {
    Full(Full),
    Error(Error),
}

impl Running {
    /// Waits for the permission to hold so many decoded pictures. Files wait in little memory, pictures do not.
    pub(crate) async fn may_decode(&self, pictures: usize) -> Result<OwnedSemaphorePermit, Problem> {
        // A request of more than there may be gets them all.
        let count = pictures.min(self.most_decoded) as u32;
        Arc::clone(&self.decoded).acquire_many_owned(count).await.map_err(Problem::internal)
    }

    /// The memory that its detectors hold together.
    pub(crate) fn memory(&self) -> MemoryReport {
        sum(self.holdings.iter().map(|holding| holding.memory()), self.weights)
    }

    /// The process ids of its workers.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.holdings.iter().filter_map(|holding| holding.process()).collect()
    }

    pub(crate) fn instances(&self) -> usize {
        self.holdings.len()
    }

    /// Whether there is nothing to trim.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.holdings.iter().all(|holding| holding.is_trimmed())
    }

    /// Makes every detector free its workspace after its current work.
    pub(crate) fn trim(&self, name: &str) -> Result<Freed, Problem> {
        let started = Instant::now();
        let (reply, answers) = channel();
        for index in 0..self.holdings.len() {
            self.queue.trim(index, reply.clone());
        }
        drop(reply);
        let reports = answers.iter().collect::<Result<Vec<_>, _>>()?;
        if reports.len() < self.holdings.len() {
            return Err(Problem::unavailable(format_args!("model {name} is being unloaded")));
        }
        Freed::new(name, Why::Trimmed, started, &reports, self.weights).checked()
    }

    /// Ends the threads; everything that the detectors held is freed when this returns.
    pub(crate) fn close(&self, name: &str, why: Why) -> Result<Freed, Problem> {
        let started = Instant::now();
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let mut reports = Vec::new();
        for thread in threads {
            let closed =
                thread.join().map_err(|_| Problem::internal(format_args!("model {name}: a thread panicked")))?;
            reports.push(closed.map_err(|error| Problem::internal(format_args!("model {name}: {error}")))?);
        }
        Ok(Freed::new(name, why, started, &reports, self.weights))
    }
}

fn facts(weights: &Weights, options: &Options) -> Facts {
    let Size { height, width } = options.input.map_or(weights.input_size(), Size::to_stride);
    let variant = weights.metadata().get("variant").map_or("custom", String::as_str).to_owned();
    let input = [height, width];
    let memory = if matches!(options.device, Device::Cuda(_) | Device::Wgpu) { "GPU" } else { "CPU" };
    Facts { class_names: weights.class_names().to_vec(), variant, input, memory }
}
