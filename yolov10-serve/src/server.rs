//! What all protocols share: from the pictures of a request to their detections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout_at;

use crate::decode::{Bounds, Pool};
use crate::log::Log;
use crate::model::{Model, Ticket};
use crate::picture::Picture;
use crate::problem::{Kind, Problem};
use crate::queue::Done;
use crate::registry::Registry;
use crate::settings::{Maker, Settings};

pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) registry: Arc<Registry>,
    pub(crate) pool: Pool,
    pub(crate) bounds: Bounds,
    pub(crate) log: Log,
    /// The default confidence of `/v1` requests: scores must be above it.
    pub(crate) confidence: f32,
    /// Videos and views: each has a thread.
    streams: Arc<Semaphore>,
    /// Everything to load at the start is loaded.
    pub(crate) is_started: AtomicBool,
    /// The server has been told to end.
    pub(crate) is_ending: AtomicBool,
}

/// A request for detections, before its pictures are decoded.
pub(crate) struct Ask<'a> {
    pub(crate) model: &'a str,
    pub(crate) version: Option<&'a str>,
    pub(crate) pictures: usize,
    /// Until the search begins; `None` means the server's default.
    pub(crate) deadline: Option<Duration>,
}

/// Counts an attempt as cancelled unless it was completed.
struct Attempt {
    model: Arc<Model>,
    started: Instant,
    is_over: bool,
}

impl Server {
    pub(crate) fn new(maker: Maker, settings: Settings, log: Log) -> Arc<Self> {
        let confidence = maker.options.selection.confidence;
        let registry = Registry::new(maker, &settings);
        let buffers = Arc::clone(&registry);
        let take = Arc::new(move |bytes| buffers.buffer(bytes));
        Arc::new(Self {
            registry,
            pool: Pool::new(settings.limits.decoders),
            bounds: Bounds { pixels: settings.limits.pixels, take },
            log,
            confidence,
            streams: Arc::new(Semaphore::new(settings.limits.streams)),
            is_started: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            settings,
        })
    }

    /// Whether it takes new work.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_started.load(Ordering::Acquire) && !self.is_ending.load(Ordering::Acquire)
    }

    /// Room for a video or a view, until it is dropped.
    pub(crate) fn stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            let most = self.settings.limits.streams;
            Problem::new(Kind::Busy, format_args!("expected at most {most} videos and views at a time"))
        })
    }

    /// Does work that may wait, load or unload on its own thread, so that it stalls nobody.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let server = Arc::clone(self);
        // Not on the pool's few threads; and it continues if the client hangs up.
        spawn_blocking(move || work(&server)).await.unwrap_or_else(|_| Err(Problem::internal("it panicked")))
    }

    /// Permission to work with a model.
    pub(crate) async fn ticket(self: &Arc<Self>, model: &Arc<Model>) -> Result<Ticket, Problem> {
        if !self.registry.must_load(model) {
            return model.ticket();
        }
        let model = Arc::clone(model);
        self.change(move |server| server.registry.ticket(&model)).await
    }

    /// Decodes the pictures of a request and has them searched.
    pub(crate) async fn search(
        self: &Arc<Self>,
        ask: Ask<'_>,
        decode: impl FnOnce(&Bounds) -> Result<Vec<Picture>, Problem> + Send + 'static,
    ) -> Result<(Done, Ticket), Problem> {
        let started = Instant::now();
        let model = self.registry.get_version(ask.model, ask.version)?;
        let mut attempt = Attempt { model, started, is_over: false };
        let answer = self.attempt(&ask, started, &attempt.model, decode).await;
        attempt.is_over = true;
        match &answer {
            Ok((done, _)) => attempt.model.stats.succeeded(done, started.elapsed()),
            Err(problem) => attempt.model.stats.failed(Some(problem.kind), started.elapsed()),
        }
        answer
    }

    async fn attempt(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        started: Instant,
        model: &Arc<Model>,
        decode: impl FnOnce(&Bounds) -> Result<Vec<Picture>, Problem> + Send + 'static,
    ) -> Result<(Done, Ticket), Problem> {
        let ticket = self.ticket(model).await?;
        let place = ticket.running.queue.place(ask.pictures)?;
        let longest = self.settings.limits.deadline;
        let deadline = started + ask.deadline.map_or(longest, |deadline| deadline.min(longest));
        let bounds = self.bounds.clone();
        let decode = async {
            let decoded = ticket.running.may_decode(ask.pictures).await?;
            // From that thread straight into the queue: each change of threads takes time.
            self.pool.run(move || place.submit(decode(&bounds)?, decoded, deadline)).await
        };
        let too_late =
            |_| Problem::new(Kind::Deadline, "the deadline passed while the request was waiting to be decoded");
        let waiting = timeout_at(deadline.into(), decode).await.map_err(too_late)??;
        let done = waiting.answer().await?;
        Ok((done, ticket))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_over {
            self.model.stats.failed(None, self.started.elapsed());
        }
    }
}
