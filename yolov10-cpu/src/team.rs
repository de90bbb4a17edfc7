//! A team of threads that run one function together: once per image, the calling thread among them.
//!
//! Inside of it they meet at barriers; between images the workers sleep. No queue, no stealing: the plan hands out
//! tasks from a counter.

use std::any::Any;
use std::hint;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::Error;
use crate::kernels::denormals::FlushDenormals;

/// Polls of a barrier before the processor is offered to others: a few microseconds, less than most steps take.
const SPINS: usize = 500;

/// Threads that run `work` on a job, every one with an index of its own.
pub(crate) struct Team<J: Send + Sync + 'static> {
    shared: Arc<Shared<J>>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared<J> {
    work: fn(&J, Member<'_>),
    barrier: Barrier,
    state: Mutex<State<J>>,
    start: Condvar,
    finished: Condvar,
}

struct State<J> {
    /// Counts jobs, so that a worker runs each once.
    round: usize,
    job: Option<Arc<J>>,
    running: usize,
    panic: Option<Box<dyn Any + Send>>,
    dismissed: bool,
}

/// A thread's part in a job.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// 0 is the calling thread.
    pub index: usize,
    barrier: &'a Barrier,
}

/// Another member panicked: leave.
pub(crate) struct Broken;

impl Member<'_> {
    /// Waits until every member is here.
    pub fn meet(&self) -> Result<(), Broken> {
        self.barrier.wait()
    }
}

impl<J: Send + Sync + 'static> Team<J> {
    /// Starts all but the calling thread.
    pub fn new(threads: NonZeroUsize, work: fn(&J, Member<'_>)) -> Result<Team<J>, Error> {
        let state = State {
            round: 0,
            job: None,
            running: 0,
            panic: None,
            dismissed: false,
        };
        let shared = Arc::new(Shared {
            work,
            barrier: Barrier::new(threads.get()),
            state: Mutex::new(state),
            start: Condvar::new(),
            finished: Condvar::new(),
        });
        let mut team = Team {
            shared,
            workers: Vec::with_capacity(threads.get() - 1),
        };
        for index in 1..threads.get() {
            let shared = Arc::clone(&team.shared);
            let worker = thread::Builder::new()
                .name(format!("yolov10-cpu-{index}"))
                .spawn(move || shared.serve(index))
                .map_err(|source| Error::Thread { index, source })?;
            team.workers.push(worker);
        }
        Ok(team)
    }

    /// How many threads work, the calling one included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs the job on all threads. When it returns, no thread holds the job; a member's panic continues here.
    pub fn run(&mut self, job: &Arc<J>) {
        let mut state = self.shared.lock();
        state.job = Some(Arc::clone(job));
        state.round += 1;
        state.running = self.workers.len();
        drop(state);
        self.shared.start.notify_all();

        self.shared.take_part(job, 0);
        let mut state = self.shared.lock();
        while state.running > 0 {
            state = self
                .shared
                .finished
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        if let Some(payload) = state.panic.take() {
            self.shared.barrier.mend();
            drop(state);
            panic::resume_unwind(payload);
        }
    }
}

impl<J: Send + Sync + 'static> Drop for Team<J> {
    fn drop(&mut self) {
        self.shared.lock().dismissed = true;
        self.shared.start.notify_all();
        for worker in self.workers.drain(..) {
            worker
                .join()
                .expect("a worker catches the panics of its jobs");
        }
    }
}

impl<J> Shared<J> {
    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life.
    fn serve(&self, index: usize) {
        let mut served = 0;
        let mut state = self.lock();
        while !state.dismissed {
            if state.round == served {
                state = self
                    .start
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            served = state.round;
            let job = state.job.clone();
            drop(state);
            if let Some(job) = &job {
                self.take_part(job, index);
            }
            // Let go before the caller hears of it: it counts on being the only owner again.
            drop(job);
            state = self.lock();
            state.running -= 1;
            if state.running == 0 {
                self.finished.notify_one();
            }
        }
    }

    fn take_part(&self, job: &J, index: usize) {
        let member = Member {
            index,
            barrier: &self.barrier,
        };
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            let _flush = FlushDenormals::new();
            (self.work)(job, member);
        }));
        if let Err(payload) = outcome {
            self.barrier.break_up();
            self.lock().panic.get_or_insert(payload);
        }
    }
}

/// Where all members wait for the last.
struct Barrier {
    members: usize,
    arrived: AtomicUsize,
    /// Counts meetings.
    generation: AtomicUsize,
    broken: AtomicBool,
}

impl Barrier {
    fn new(members: usize) -> Barrier {
        Barrier {
            members,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    fn wait(&self) -> Result<(), Broken> {
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            self.arrived.store(0, Ordering::Relaxed);
            self.generation
                .store(generation.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        let mut spins = 0;
        while self.generation.load(Ordering::Acquire) == generation {
            if self.broken.load(Ordering::Relaxed) {
                return Err(Broken);
            }
            if spins < SPINS {
                spins += 1;
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
        Ok(())
    }

    fn break_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// For the next job: nobody waits any more.
    fn mend(&self) {
        self.arrived.store(0, Ordering::Relaxed);
        self.broken.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tally {
        before: AtomicUsize,
        after: AtomicUsize,
        panics: bool,
    }

    fn tally(job: &Tally, member: Member<'_>) {
        for _ in 0..100 {
            job.before.fetch_add(1, Ordering::Relaxed);
            if member.meet().is_err() {
                return;
            }
            assert!(!job.panics || member.index != 1, "member 1 gives up");
            let seen = job.before.load(Ordering::Relaxed);
            job.after.fetch_max(seen, Ordering::Relaxed);
            if member.meet().is_err() {
                return;
            }
        }
    }

    fn job(panics: bool) -> Arc<Tally> {
        Arc::new(Tally {
            before: AtomicUsize::new(0),
            after: AtomicUsize::new(0),
            panics,
        })
    }

    #[test]
    fn every_member_passes_every_barrier_and_lets_go_of_the_job() {
        for threads in 1..5 {
            let mut team = Team::new(NonZeroUsize::new(threads).unwrap(), tally).unwrap();
            for _ in 0..3 {
                let job = job(false);
                team.run(&job);
                assert_eq!(
                    Arc::try_unwrap(job).ok().unwrap().after.into_inner(),
                    threads * 100
                );
            }
        }
    }

    #[test]
    fn a_panic_of_a_worker_reaches_the_caller_and_the_team_works_on() {
        let mut team = Team::new(NonZeroUsize::new(3).unwrap(), tally).unwrap();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| team.run(&job(true))));
        assert_eq!(
            *outcome.unwrap_err().downcast_ref::<&str>().unwrap(),
            "member 1 gives up"
        );
        let job = job(false);
        team.run(&job);
        assert_eq!(job.after.load(Ordering::Relaxed), 300);
    }
}
