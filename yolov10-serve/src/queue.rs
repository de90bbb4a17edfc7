//! A model's queue: bounded in pictures, with deadlines, from which a client that hangs up is taken out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;
use yolov10_model::memory::FreeReport;
use yolov10_model::speed::Speed;

use crate::picture::{Picture, Seen};
use crate::problem::{Kind, Problem};

/// What comes of a job.
pub(crate) struct Done {
    pub(crate) seen: Vec<Seen>,
    /// Of one picture.
    pub(crate) speed: Speed,
    /// From its place in the queue to the detector.
    pub(crate) queued: Duration,
    /// Pictures that were searched in the same go.
    pub(crate) batch: usize,
}

/// Pictures of one request, to be searched together.
pub(crate) struct Job {
    number: u64,
    pub(crate) pictures: Vec<Picture>,
    deadline: Instant,
    queued: Instant,
    reply: oneshot::Sender<Result<Done, Problem>>,
    /// Given back when the work begins.
    place: Place,
}

/// Room for some pictures in a queue, from before they are decoded until their search begins.
pub(crate) struct Place {
    queue: Arc<Queue>,
    pictures: usize,
}

/// A job in the queue. Dropping this takes it out again, unless its search has begun.
pub(crate) struct Waiting {
    queue: Arc<Queue>,
    number: u64,
    deadline: Instant,
    answer: oneshot::Receiver<Result<Done, Problem>>,
}

/// What a detector's thread is to do next.
pub(crate) enum Next {
    Search(Vec<Job>),
    Trim(TrimReply),
    Close,
}

/// Where what a trim gave back is said.
pub(crate) type TrimReply = std::sync::mpsc::Sender<Result<FreeReport, Problem>>;

pub(crate) struct Queue {
    bound: usize,
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Job>,
    /// Pictures that have a place.
    taken: usize,
    /// Orders of each detector's thread.
    trims: Vec<Option<TrimReply>>,
    closed: bool,
    last_number: u64,
}

/// How jobs go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// Pictures in one go.
    pub(crate) most: usize,
    /// Wait for more of them.
    pub(crate) window: Duration,
}

impl Queue {
    pub(crate) fn new(bound: usize, detectors: usize) -> Arc<Self> {
        let inner = Inner { trims: (0..detectors).map(|_| None).collect(), ..Inner::default() };
        Arc::new(Self { bound, inner: Mutex::new(inner), wake: Condvar::new() })
    }

    /// Room for so many pictures.
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

    /// What `detector` is to do next; waits for it.
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

    /// More jobs to go with the first one.
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

    /// Has `detector` give its workspace back, after what it is at.
    pub(crate) fn trim(&self, detector: usize, reply: TrimReply) {
        self.lock().trims[detector] = Some(reply);
        self.wake.notify_all();
    }

    /// Ends the detectors' threads, after what they are at; what still waits is refused.
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

    /// Pictures that have a place and are not being searched yet.
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
    /// The next job that somebody waits for.
    fn pop(&mut self) -> Option<Job> {
        while let Some(job) = self.jobs.pop_front() {
            if job.reply.is_closed() {
                self.drop_place(job);
            } else if job.deadline <= Instant::now() {
                let Job { place, reply, .. } = job;
                self.taken -= place.leave();
                // Who waits may have gone meanwhile.
                reply.send(Err(too_late())).ok();
            } else {
                let Job { place, number, pictures, deadline, queued, reply } = job;
                let (queue, taken) = place.hand_over();
                self.taken -= taken;
                return Some(Job { number, pictures, deadline, queued, reply, place: Place { queue, pictures: 0 } });
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
    /// Puts the pictures into the queue.
    pub(crate) fn submit(self, pictures: Vec<Picture>, deadline: Instant) -> Result<Waiting, Problem> {
        let queue = Arc::clone(&self.queue);
        let (reply, answer) = oneshot::channel();
        let mut inner = queue.lock();
        if inner.closed {
            drop(inner);
            return Err(Problem::unavailable("the model is being unloaded"));
        }
        inner.last_number += 1;
        let number = inner.last_number;
        inner.jobs.push_back(Job { number, pictures, deadline, queued: Instant::now(), reply, place: self });
        drop(inner);
        // All: those that wait to fill a batch might swallow the only call.
        queue.wake.notify_all();
        Ok(Waiting { queue, number, deadline, answer })
    }

    /// The pictures that it was for, by one that holds the queue's lock.
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
    pub(crate) fn answer(self, answer: Result<Done, Problem>) {
        // Who hung up wants none.
        self.reply.send(answer).ok();
    }

    /// Since it was put into the queue.
    pub(crate) fn waited(&self) -> Duration {
        self.queued.elapsed()
    }
}

impl Waiting {
    /// Waits for the answer, or for the deadline while it is in the queue.
    pub(crate) async fn answer(mut self) -> Result<Done, Problem> {
        let answer = match timeout_at(self.deadline.into(), &mut self.answer).await {
            Ok(answer) => answer,
            Err(_) if self.queue.withdraw(self.number).is_some() => return Err(too_late()),
            // It is being searched.
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
