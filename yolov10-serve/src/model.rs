//! A model: its name, its file, and its states.
//!
//! ```text
//! UNAVAILABLE -> LOADING -> READY -> UNLOADING -> UNAVAILABLE
//! ```

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::memory::{Freed, Why};
use crate::problem::Problem;
use crate::running::Running;
use crate::stats::Stats;

/// Longest wait for the work of a model before it is unloaded.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);

pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) stats: Stats,
    phase: Mutex<Phase>,
    /// One change at a time: held while loading or unloading.
    change: Mutex<()>,
}

enum Phase {
    Unavailable { reason: String, why: Option<Why> },
    Loading,
    Ready(Arc<Running>),
    Unloading,
}

/// Permission to work with a running model, which stays loaded until this is dropped.
pub(crate) struct Ticket {
    pub(crate) model: Arc<Model>,
    pub(crate) running: Arc<Running>,
}

impl Model {
    pub(crate) fn new(name: &str, file: PathBuf) -> Arc<Self> {
        let phase = Phase::Unavailable { reason: String::new(), why: None };
        let (name, stats) = (name.to_owned(), Stats::default());
        Arc::new(Self { name, file, stats, phase: Mutex::new(phase), change: Mutex::new(()) })
    }

    /// Name and reason of the state, as in the repository's index.
    pub(crate) fn state(&self) -> (&'static str, String) {
        match &*self.phase() {
            Phase::Unavailable { reason, .. } => ("UNAVAILABLE", reason.clone()),
            Phase::Loading => ("LOADING", String::new()),
            Phase::Ready(_) => ("READY", String::new()),
            Phase::Unloading => ("UNLOADING", String::new()),
        }
    }

    /// The running model, while it is ready.
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        match &*self.phase() {
            Phase::Ready(running) => Some(Arc::clone(running)),
            _ => None,
        }
    }

    /// Whether it was never loaded, or was unloaded without a request: a request may load it again.
    pub(crate) fn awaits_demand(&self) -> bool {
        matches!(*self.phase(), Phase::Unavailable { why: None | Some(Why::Evicted | Why::Idle), .. })
    }

    pub(crate) fn ticket(self: &Arc<Self>) -> Result<Ticket, Problem> {
        let phase = self.phase();
        let name = &self.name;
        match &*phase {
            Phase::Ready(running) => {
                // Under the lock of the phase: an unload sees either the ticket or the new phase.
                running.work.begin();
                Ok(Ticket { model: Arc::clone(self), running: Arc::clone(running) })
            }
            Phase::Loading => Err(Problem::unavailable(format_args!("model {name} is not ready: it is being loaded"))),
            Phase::Unloading => {
                Err(Problem::unavailable(format_args!("model {name} is not ready: it is being unloaded")))
            }
            Phase::Unavailable { reason, .. } if reason.is_empty() => {
                Err(Problem::unavailable(format_args!("model {name} is not ready: it was not loaded")))
            }
            Phase::Unavailable { reason, .. } => {
                Err(Problem::unavailable(format_args!("model {name} is not ready: {reason}")))
            }
        }
    }

    /// Loads it with `start`. A running one serves until it is replaced. Returns what the old one freed.
    pub(crate) fn load(
        &self,
        start: impl FnOnce() -> Result<Arc<Running>, Problem>,
    ) -> Result<(Arc<Running>, Option<Freed>), Problem> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let is_reload = self.running().is_some();
        if !is_reload {
            *self.phase() = Phase::Loading;
        }
        let running = match start() {
            Ok(running) => running,
            Err(problem) => {
                if !is_reload {
                    *self.phase() = Phase::Unavailable { reason: problem.message.clone(), why: None };
                }
                return Err(problem);
            }
        };
        self.stats.update(|numbers| numbers.loads += 1);
        let old = std::mem::replace(&mut *self.phase(), Phase::Ready(Arc::clone(&running)));
        let freed = match old {
            Phase::Ready(old) => Some(self.end(&old, Why::Reloaded, DRAIN)?.checked()?),
            _ => None,
        };
        Ok((running, freed))
    }

    /// Unloads it when its work is done or `patience` is over. `None` if it was not loaded.
    pub(crate) fn unload(&self, why: Why, patience: Duration) -> Result<Option<Freed>, Problem> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let running = {
            let mut phase = self.phase();
            match std::mem::replace(&mut *phase, Phase::Unloading) {
                Phase::Ready(running) => running,
                // Record the request, so that it is not loaded on demand again.
                Phase::Unavailable { .. } | Phase::Loading | Phase::Unloading => {
                    *phase = Phase::Unavailable { reason: why.name().to_owned(), why: Some(why) };
                    return Ok(None);
                }
            }
        };
        self.finish(&running, why, patience).map(Some)
    }

    /// The same, if it has no work now and has had none since `since`.
    pub(crate) fn unload_unused(&self, why: Why, since: Option<Instant>) -> Option<Result<Freed, Problem>> {
        let _change = self.change.try_lock().ok()?;
        let running = {
            let mut phase = self.phase();
            let Phase::Ready(running) = &*phase else {
                return None;
            };
            let last = running.work.idle_since()?;
            if since.is_some_and(|since| last > since) {
                return None;
            }
            let running = Arc::clone(running);
            *phase = Phase::Unloading;
            running
        };
        Some(self.finish(&running, why, Duration::ZERO))
    }

    fn finish(&self, running: &Running, why: Why, patience: Duration) -> Result<Freed, Problem> {
        let freed = self.end(running, why, patience);
        *self.phase() = Phase::Unavailable { reason: why.name().to_owned(), why: Some(why) };
        freed?.checked()
    }

    /// Frees everything before it returns, and reports what was not freed.
    fn end(&self, running: &Running, why: Why, patience: Duration) -> Result<Freed, Problem> {
        running.work.wait(patience);
        let freed = running.close(&self.name, why);
        self.stats.update(|numbers| {
            if let Ok(freed) = &freed {
                numbers.freed += freed.released;
                numbers.residue += freed.residue;
            }
            numbers.evictions += u64::from(why == Why::Evicted);
        });
        freed
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.running.work.end();
    }
}
