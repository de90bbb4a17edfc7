//! A model's queue: bounded in pictures, with deadlines. The jobs of clients that hang up are removed.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout_at;
use yolov10_model::memory::FreeReport;
use yolov10_model::speed::Speed;

use crate::picture::{Picture, Seen};
use crate::problem::{Kind, Problem};

/// The result of a job.
pub(crate) struct Done {
    pub(crate) seen: Vec<Seen>,
    /// Times of one picture.
    pub(crate) speed: Speed,
    /// Time spent in the queue.
    pub(crate) queued: Duration,
    /// Pictures searched together.
    pub(crate) batch: usize,
}

/// The pictures of one request, searched together.
pub(crate) struct Job {
    number: u64,
    pub(crate) pictures: Vec<Picture>,
    deadline: Instant,
    queued: Instant,
    reply: oneshot::Sender<Result<Done, Problem>>,
    /// Freed when the work begins.
    place: Place,
    /// Held while the pictures are.
    decoded: OwnedSemaphorePermit,
}

/// Places in the queue for some pictures, from before they are decoded until their search begins.
pub(crate) struct Place {
    queue: Arc<Queue>,
    pictures: usize,
}

/// A job in the queue. Dropping this removes it, unless its search has begun.
pub(crate) struct Waiting {
    queue: Arc<Queue>,
    number: u64,
    deadline: Instant,
    answer: oneshot::Receiver<Result<Done, Problem>>,
}

/// What a detector's thread has to do next.
pub(crate) enum Next {
    Search(Vec<Job>),
    Trim(TrimReply),
    Close,
}

/// Receives the result of a trim.
pub(crate) type TrimReply = std::sync::mpsc::Sender<Result<FreeReport, Problem>>;

pub(crate) struct Queue {
    bound: usize,
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Job>,
    /// Places taken.
    taken: usize,
    /// Trims that each detector's thread has to do.
    trims: Vec<Option<TrimReply>>,
    closed: bool,
    last_number: u64,
}

/// How jobs are combined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// Most pictures in one call.
    pub(crate) most: usize,
    /// How long to wait for more of them.
    pub(crate) window: Duration,
}

impl Queue {
    pub(crate) fn new(bound: usize, detectors: usize) -> Arc<Self> {
        let inner = Inner { trims: (0..detectors).map(|_| None).collect(), ..Inner::default() };
        Arc::new(Self { bound, inner: Mutex::new(inner), wake: Condvar::new() })
    }

    /// Takes places for some pictures.
    pub(crate) fn place(self: &Arc<Self>, pictures: usize) -> Result<Place, Problem> {
        let bound = self.bound;
        if pictures > bound {
            let message = format!("expected at most {bound} pictures in a request, found {pictures}");
            return Err(Problem::new(Kind::TooLarge, message));
        }
        let mut inner = self.lock();
        if inner.taken + pictures > bound {
            let message = format!("the queue is full: {} of {bound} pictures wait", inner.taken);
            return Err(Problem::new(Kind::Busy, message));
        }
        inner.taken += pictures;
        Ok(Place { queue: Arc::clone(self), pictures })
    }

    /// Waits for the next thing that `detector` has to do.
    pub(crate) fn next(&self, detector: usize, batching: Batching) -> Next {
        let mut inner = self.lock();
        loop {
            if let Some(reply) = inner.trims[detector].take() {
                return Next::Trim(reply);
            }
            if let Some(job) = inner.pop() {
                return Next::Search(self.fill(inner, job, batching));
            }
            if inner.closed {
                return Next::Close;
            }
            inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds more jobs to the first one.
    fn fill(&self, mut inner: MutexGuard<'_, Inner>, first: Job, batching: Batching) -> Vec<Job> {
        let until = Instant::now() + batching.window;
        let mut pictures = first.pictures.len();
        let mut jobs = vec![first];
        loop {
            while let Some(next) = inner.jobs.front() {
                if pictures + next.pictures.len() > batching.most {
                    return jobs;
                }
                if let Some(job) = inner.pop() {
                    pictures += job.pictures.len();
                    jobs.push(job);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if pictures >= batching.most || left.is_zero() {
                return jobs;
            }
            inner = self.wake.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks `detector` to free its workspace after its current work.
    pub(crate) fn trim(&self, detector: usize, reply: TrimReply) {
        self.lock().trims[detector] = Some(reply);
        self.wake.notify_all();
    }

    /// Ends the detectors' threads after their current work; waiting jobs are refused.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let left: Vec<Job> = inner.jobs.drain(..).collect();
        drop(inner);
        self.wake.notify_all();
        for job in left {
            job.answer(Err(Problem::unavailable("the model is being unloaded")));
        }
    }

    /// Pictures that have a place and are not yet being searched.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().taken
    }

    fn withdraw(&self, number: u64) -> Option<Job> {
        let mut inner = self.lock();
        let index = inner.jobs.iter().position(|job| job.number == number)?;
        inner.jobs.remove(index)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The next job with a client still waiting.
    fn pop(&mut self) -> Option<Job> {
        while let Some(job) = self.jobs.pop_front() {
            if job.reply.is_closed() {
                self.drop_place(job);
            } else if job.deadline <= Instant::now() {
                let Job { place, reply, .. } = job;
                self.taken -= place.leave();
                // The client may have gone meanwhile.
                reply.send(Err(too_late())).ok();
            } else {
                let Job { place, number, pictures, deadline, queued, reply, decoded } = job;
                let (queue, taken) = place.hand_over();
                self.taken -= taken;
                let place = Place { queue, pictures: 0 };
                return Some(Job { number, pictures, deadline, queued, reply, place, decoded });
            }
        }
        None
    }

    fn drop_place(&mut self, job: Job) {
        let Job { place, .. } = job;
        self.taken -= place.leave();
    }
}

impl Place {
    /// Puts decoded pictures into the queue, with the permission to hold them.
    pub(crate) fn submit(
        self,
        pictures: Vec<Picture>,
        decoded: OwnedSemaphorePermit,
        deadline: Instant,
    ) -> Result<Waiting, Problem> {
        let queue = Arc::clone(&self.queue);
        let (reply, answer) = oneshot::channel();
        let mut inner = queue.lock();
        if inner.closed {
            drop(inner);
            return Err(Problem::unavailable("the model is being unloaded"));
        }
        inner.last_number += 1;
        let number = inner.last_number;
        inner.jobs.push_back(Job { number, pictures, deadline, queued: Instant::now(), reply, place: self, decoded });
        drop(inner);
        // All, because a thread that waits to fill a batch might take the only wake-up.
        queue.wake.notify_all();
        Ok(Waiting { queue, number, deadline, answer })
    }

    /// Consumes the place while the queue is locked; returns its number of pictures.
    fn leave(self) -> usize {
        self.hand_over().1
    }

    fn hand_over(mut self) -> (Arc<Queue>, usize) {
        (Arc::clone(&self.queue), std::mem::take(&mut self.pictures))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.pictures > 0 {
            self.queue.lock().taken -= self.pictures;
        }
    }
}

impl Job {
    /// Gives the pictures' memory back, and answers.
    pub(crate) fn answer(self, answer: Result<Done, Problem>) {
        let Self { pictures, decoded, reply, .. } = self;
        drop((pictures, decoded));
        // The client may have hung up.
        reply.send(answer).ok();
    }

    /// Time since it was put into the queue.
    pub(crate) fn waited(&self) -> Duration {
        self.queued.elapsed()
    }
}

impl Waiting {
    /// Waits for the answer; the deadline applies while the job is in the queue.
    pub(crate) async fn answer(mut self) -> Result<Done, Problem> {
        let answer = match timeout_at(self.deadline.into(), &mut self.answer).await {
            Ok(answer) => answer,
            Err(_) if self.queue.withdraw(self.number).is_some() => return Err(too_late()),
            // Its search has begun.
            Err(_) => (&mut self.answer).await,
        };
        answer.unwrap_or_else(|_| Err(Problem::internal("the detector's thread has ended")))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.queue.withdraw(self.number));
    }
}

fn too_late() -> Problem {
    Problem::new(Kind::Deadline, "the deadline passed while the request was queued")
}
