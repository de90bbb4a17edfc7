//! A team of threads, including the caller's, that work through one job together: once per image.
//!
//! A job is a series of lists of tasks. Every thread starts with its own part of each list, always the same part, so that
//! it reads what it wrote itself and still has in its cache; then it takes tasks that others have not got to. A list is
//! done when all of its tasks are and the threads that did them have said so. Nobody waits for a thread that has taken no
//! task, for instance because the system is busy. Between jobs the workers sleep.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{hint, mem};

use crate::error::Error;
use crate::kernels::denormals::FlushDenormals;
use crate::layout::split;

/// How often to check whether others have finished before yielding the processor: a few microseconds, less than most tasks
/// take.
const SPINS: usize = 500;

/// The most members of a team: more than the processors of any machine.
const MEMBERS: usize = 1024;

/// What every member does, each with its own index: all lists of tasks, one after another.
pub(crate) type Job<'a> = dyn Fn(Member<'_>) -> Result<(), Broken> + Sync + 'a;

/// Threads that do one job after another together.
pub(crate) struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Whether a member has panicked, so that its task will never be done.
    broken: AtomicBool,
    state: Mutex<State>,
    start: Condvar,
    finished: Condvar,
}

struct State {
    /// Counts jobs, so that a worker runs each at most once.
    round: usize,
    /// Present while a worker may still join in.
    job: Option<&'static Job<'static>>,
    /// Workers that have joined in.
    active: usize,
    panic: Option<Box<dyn Any + Send>>,
    dismissed: bool,
}

/// A thread that takes part in a job.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// 0 is the calling thread.
    pub index: usize,
    broken: &'a AtomicBool,
}

/// A list of tasks that members share: how many tasks of each member's part were taken, and how many are done.
#[derive(Debug)]
pub(crate) struct Tasks {
    taken: Vec<Taken>,
    done: AtomicUsize,
}

/// Tasks taken from a member's part. On a separate cache line, or every task would fetch it from the other members.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Taken(AtomicUsize);

/// Another member panicked: leave.
#[derive(Debug)]
pub(crate) struct Broken;

impl Tasks {
    /// For this many members.
    pub fn new(members: usize) -> Tasks {
        Tasks { taken: (0..members).map(|_| Taken::default()).collect(), done: AtomicUsize::new(0) }
    }

    /// Makes all tasks new again.
    pub fn reset(&mut self) {
        for taken in &mut self.taken {
            *taken.0.get_mut() = 0;
        }
        *self.done.get_mut() = 0;
    }
}

impl Member<'_> {
    /// Runs those of the tasks `0..count` that nobody has taken yet; returns when all are done. This thread then sees what
    /// they wrote.
    pub fn share(&self, tasks: &Tasks, count: usize, mut run: impl FnMut(usize)) -> Result<(), Broken> {
        let members = tasks.taken.len();
        let mut done = 0;
        for owner in (self.index..members).chain(0..self.index) {
            let part = split(count, members, owner);
            loop {
                let taken = tasks.taken[owner].0.fetch_add(1, Ordering::Relaxed);
                if taken >= part.len() {
                    break;
                }
                run(part.start + taken);
                done += 1;
            }
        }
        tasks.done.fetch_add(done, Ordering::Release);
        let mut spins = 0;
        while tasks.done.load(Ordering::Acquire) < count {
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
}

impl Team {
    /// Starts all but the calling thread.
    pub fn new(threads: NonZeroUsize) -> Result<Team, Error> {
        if threads.get() > MEMBERS {
            return Err(Error::TooLarge { what: "threads", most: MEMBERS, found: threads.get() });
        }
        let state = State { round: 0, job: None, active: 0, panic: None, dismissed: false };
        let shared = Arc::new(Shared {
            broken: AtomicBool::new(false),
            state: Mutex::new(state),
            start: Condvar::new(),
            finished: Condvar::new(),
        });
        let mut team = Team { shared, workers: Vec::with_capacity(threads.get() - 1) };
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

    /// How many threads work, including the calling one.
    pub fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(self.workers.len())
    }

    /// Does the job. When it returns, no thread holds the job; a member's panic continues here.
    #[allow(unsafe_code, reason = "lends the job to threads that live longer")]
    pub fn run(&mut self, job: &Job<'_>) {
        // SAFETY: a worker joins in only while the job is there, and counts as active then. Below, the job is taken away,
        // and this function ends only after nobody is active any more; nothing in between unwinds. So no thread has the job
        // when its borrow ends.
        let lent = unsafe { mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        let mut state = self.shared.lock();
        state.job = Some(lent);
        state.round += 1;
        drop(state);
        self.shared.start.notify_all();

        self.shared.take_part(job, 0);
        let mut state = self.shared.lock();
        // A worker that has not woken up by now is not needed.
        state.job = None;
        // The others are about to finish, sooner than the system would wake a sleeping thread.
        for _ in 0..SPINS {
            if state.active == 0 {
                break;
            }
            drop(state);
            hint::spin_loop();
            state = self.shared.lock();
        }
        while state.active > 0 {
            state = self.shared.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(payload) = state.panic.take() {
            self.shared.broken.store(false, Ordering::Relaxed);
            drop(state);
            panic::resume_unwind(payload);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.lock().dismissed = true;
        self.shared.start.notify_all();
        for worker in self.workers.drain(..) {
            worker.join().expect("a worker catches the panics of its jobs");
        }
    }
}

impl Shared {
    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life.
    fn serve(&self, index: usize) {
        let mut served = 0;
        let mut state = self.lock();
        while !state.dismissed {
            if state.round == served {
                state = self.start.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            served = state.round;
            let Some(job) = state.job else {
                continue;
            };
            state.active += 1;
            drop(state);
            self.take_part(job, index);
            state = self.lock();
            state.active -= 1;
            if state.active == 0 {
                self.finished.notify_one();
            }
        }
    }

    fn take_part(&self, job: &Job<'_>, index: usize) {
        let member = Member { index, broken: &self.broken };
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            let _flush = FlushDenormals::new();
            // The member that panicked says why; the others just leave.
            job(member).ok();
        }));
        if let Err(payload) = outcome {
            self.broken.store(true, Ordering::Relaxed);
            self.lock().panic.get_or_insert(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LISTS: usize = 50;
    const COUNT: usize = 7;

    /// Lists whose tasks add 1 to a sum, after they have checked that all earlier lists are complete.
    struct Sums {
        lists: [Tasks; LISTS],
        sum: AtomicUsize,
        panics_at: usize,
    }

    impl Sums {
        fn new(threads: usize, panics_at: usize) -> Sums {
            let lists = std::array::from_fn(|_| Tasks::new(threads));
            Sums { lists, sum: AtomicUsize::new(0), panics_at }
        }

        fn work(&self, member: Member<'_>) -> Result<(), Broken> {
            for (index, tasks) in self.lists.iter().enumerate() {
                member.share(tasks, COUNT, |task| {
                    assert!(index != self.panics_at || task != 3, "task 3 of list {index} gives up");
                    let sum = self.sum.fetch_add(1, Ordering::Relaxed);
                    assert!(sum / COUNT == index, "list {index} began with a sum of {sum}");
                })?;
            }
            Ok(())
        }
    }

    fn team(threads: usize) -> Team {
        Team::new(NonZeroUsize::new(threads).unwrap()).unwrap()
    }

    #[test]
    fn lists_are_done_one_after_another() {
        for threads in 1..6 {
            let mut team = team(threads);
            for _ in 0..20 {
                let sums = Sums::new(threads, usize::MAX);
                team.run(&|member| sums.work(member));
                assert_eq!(sums.sum.into_inner(), LISTS * COUNT);
            }
        }
    }

    #[test]
    fn nobody_is_at_a_job_when_the_call_has_returned_or_panicked() {
        /// A member that is at the job.
        struct At<'a>(&'a AtomicUsize);
        impl<'a> At<'a> {
            fn new(count: &'a AtomicUsize) -> At<'a> {
                count.fetch_add(1, Ordering::SeqCst);
                At(count)
            }
        }
        impl Drop for At<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let mut team = team(4);
        for round in 0..500 {
            let count = AtomicUsize::new(0);
            let job = |member: Member<'_>| {
                let _at = At::new(&count);
                assert!(round % 2 == 0 || member.index > 0, "the caller gives up");
                thread::sleep(Duration::from_micros(50));
                Ok(())
            };
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| team.run(&job)));
            assert_eq!(count.load(Ordering::SeqCst), 0);
            assert_eq!(outcome.is_ok(), round % 2 == 0);
        }
    }

    #[test]
    fn a_member_begins_with_its_own_part() {
        let broken = AtomicBool::new(false);
        let member = Member { index: 1, broken: &broken };
        let mut order = Vec::new();
        let done = member.share(&Tasks::new(2), 4, |task| order.push(task));
        assert!(done.is_ok());
        assert_eq!(order, [2, 3, 0, 1]);
    }

    #[test]
    fn a_panic_of_any_member_reaches_the_caller_and_the_team_works_on() {
        let mut team = team(3);
        for _ in 0..20 {
            let sums = Sums::new(3, 30);
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| team.run(&|member| sums.work(member))));
            let message = outcome.unwrap_err();
            assert_eq!(message.downcast_ref::<String>().unwrap(), "task 3 of list 30 gives up");
            let sums = Sums::new(3, usize::MAX);
            team.run(&|member| sums.work(member));
            assert_eq!(sums.sum.into_inner(), LISTS * COUNT);
        }
    }
}
