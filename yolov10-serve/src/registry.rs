//! The models by name, and the memory that they share: which are loaded, and which are evicted.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Instant;

use serde::Serialize;

use crate::budget::{Budget, Full};
use crate::buffers::{Buffer, Buffers, NoBuffer};
use crate::memory::{Freed, Why};
use crate::model::{DRAIN, Model, Ticket};
use crate::name;
use crate::problem::Problem;
use crate::repository::{self, VERSION};
use crate::running::{Running, Start};
use crate::settings::{Maker, Settings};

pub(crate) struct Registry {
    maker: Maker,
    settings: Settings,
    pub(crate) budget: Arc<Budget>,
    pub(crate) buffers: Arc<Buffers>,
    models: RwLock<BTreeMap<String, Arc<Model>>>,
    /// Itself, for closures that outlive a call.
    me: Weak<Self>,
}

/// An entry of the repository's index.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) version: &'static str,
    pub(crate) state: &'static str,
    /// Left out if empty, as in Triton.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
}

impl Registry {
    pub(crate) fn new(maker: Maker, settings: &Settings) -> Arc<Self> {
        let budget = Budget::new(settings.memory.budget);
        let buffers = Buffers::new(&budget);
        let models =
            settings.models.iter().map(|named| (named.name.clone(), Model::new(&named.name, named.file.clone())));
        let models = RwLock::new(models.collect());
        let settings = settings.clone();
        Arc::new_cyclic(|me| Self { maker, settings, budget, buffers, models, me: me.clone() })
    }

    /// Updates the list of models from the repository's folder.
    pub(crate) fn look(&self) -> Result<(), Problem> {
        let Some(folder) = &self.settings.repository else {
            return Ok(());
        };
        let found = repository::models(folder)?;
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        for (name, file) in found {
            let entry = models.entry(name.clone()).or_insert_with(|| Model::new(&name, file.clone()));
            // A file that replaced another counts from the next load on.
            if entry.file != file && entry.running().is_none() && !self.is_named(&name) {
                *entry = Model::new(&name, file);
            }
        }
        Ok(())
    }

    fn is_named(&self, name: &str) -> bool {
        self.settings.models.iter().any(|named| named.name == name)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Model>> {
        self.models.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn get(&self, model: &str) -> Result<Arc<Model>, Problem> {
        name::check(model)?;
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.get(model).cloned().ok_or_else(|| Problem::not_found(format_args!("no model {model} is known here")))
    }

    /// The model in the requested version.
    pub(crate) fn get_version(&self, model: &str, version: Option<&str>) -> Result<Arc<Model>, Problem> {
        let found = self.get(model)?;
        match version {
            None | Some("" | VERSION | "-1") => Ok(found),
            Some(other) => {
                Err(Problem::not_found(format_args!("model {model} has version {VERSION}, found {other:?}")))
            }
        }
    }

    /// Permission to work with a model, which is loaded first if that happens on demand. May take long.
    pub(crate) fn ticket(&self, model: &Arc<Model>) -> Result<Ticket, Problem> {
        match model.ticket() {
            Err(_) if self.must_load(model) => {
                self.load(&model.name)?;
                model.ticket()
            }
            ticket => ticket,
        }
    }

    /// Whether a request for the model must load it first.
    pub(crate) fn must_load(&self, model: &Model) -> bool {
        self.settings.on_demand && model.running().is_none() && model.awaits_demand()
    }

    /// The models of the index: all of them, or those that are ready.
    pub(crate) fn index(&self, only_ready: bool) -> Result<Vec<Line>, Problem> {
        self.look()?;
        let line = |model: Arc<Model>| {
            let (state, reason) = model.state();
            Line { name: model.name.clone(), version: VERSION, state, reason }
        };
        let lines = self.all().into_iter().map(line);
        Ok(lines.filter(|line| !only_ready || line.state == "READY").collect())
    }

    /// Loads a model; a running one is replaced by the current content of its file.
    pub(crate) fn load(&self, name: &str) -> Result<(Arc<Running>, Option<Freed>), Problem> {
        let me = self.me.clone();
        let except = name.to_owned();
        self.load_with(name, &move |full| me.upgrade().is_some_and(|registry| registry.make_room(full, &except)))
    }

    /// The same, without evicting other models.
    pub(crate) fn load_without_eviction(&self, name: &str) -> Result<(Arc<Running>, Option<Freed>), Problem> {
        self.load_with(name, &|_| false)
    }

    fn load_with(
        &self,
        name: &str,
        make_room: &dyn Fn(Full) -> bool,
    ) -> Result<(Arc<Running>, Option<Freed>), Problem> {
        name::check(name)?;
        self.look()?;
        let model = self.get(name)?;
        let (me, except) = (self.me.clone(), name.to_owned());
        let make_room_later = move |full| me.upgrade().is_some_and(|registry| registry.make_room(full, &except));
        let start = Start {
            maker: &self.maker,
            budget: &self.budget,
            instances: self.settings.instances,
            queue: self.settings.limits.queue,
            decoders: self.settings.limits.decoders,
            make_room,
            make_room_later: Arc::new(make_room_later),
        };
        let loaded = model.load(|| start.run(&model.name, &model.file));
        self.buffers.release();
        loaded
    }

    /// Unloads a model when its work is done. `None` if it was not loaded.
    pub(crate) fn unload(&self, name: &str, why: Why) -> Result<Option<Freed>, Problem> {
        let freed = self.get(name)?.unload(why, DRAIN);
        self.buffers.release();
        freed
    }

    /// Frees a model's workspace.
    pub(crate) fn trim(&self, name: &str) -> Result<Freed, Problem> {
        let ticket = self.get(name)?.ticket()?;
        self.trim_running(&ticket.model, &ticket.running)
    }

    fn trim_running(&self, model: &Model, running: &Running) -> Result<Freed, Problem> {
        let freed = running.trim(&model.name);
        self.buffers.release();
        if let Ok(freed) = &freed {
            model.stats.update(|numbers| numbers.freed += freed.released);
        }
        freed
    }

    /// A buffer for a request's body or a picture; idle models are evicted for it.
    pub(crate) fn buffer(&self, bytes: usize) -> Result<Buffer, NoBuffer> {
        loop {
            match self.buffers.take(bytes) {
                Err(NoBuffer::Full(full)) if self.make_room(full, "") => {}
                taken => return taken,
            }
        }
    }

    /// Frees what `full` lacks, if spares and idle models have it; returns whether there is more room now.
    pub(crate) fn make_room(&self, full: Full, except: &str) -> bool {
        if full.needed > full.limit {
            return false;
        }
        let held = self.budget.held();
        self.buffers.release();
        let missing = |registry: &Self| {
            let free = full.limit.saturating_sub(registry.budget.held());
            full.needed.saturating_sub(free)
        };
        if missing(self) == 0 {
            return true;
        }
        let mut candidates: Vec<(Instant, Arc<Model>, u64)> = Vec::new();
        for model in self.all() {
            let Some(running) = model.running().filter(|_| model.name != except) else { continue };
            if let Some(last) = running.work.idle_since() {
                candidates.push((last, model, running.memory().total().reserved));
            }
        }
        // No model is evicted for a request that would be refused anyway.
        let total: u64 = candidates.iter().map(|(_, _, bytes)| bytes).sum();
        if total < missing(self) {
            return self.budget.held() < held && missing(self) == 0;
        }
        candidates.sort_by_key(|(last, _, _)| *last);
        for (_, model, _) in candidates {
            if missing(self) == 0 {
                break;
            }
            // `None` if it got work meanwhile; residue makes no room.
            drop(model.unload_unused(Why::Evicted, None));
        }
        missing(self) == 0
    }

    /// Unloads and trims models that have been idle long enough.
    pub(crate) fn sweep(&self) -> Vec<Result<Freed, Problem>> {
        let memory = &self.settings.memory;
        let now = Instant::now();
        let mut freed = Vec::new();
        for model in self.all() {
            let Some(running) = model.running() else { continue };
            let Some(last) = running.work.idle_since() else { continue };
            if let Some(since) = memory.idle_unload.and_then(|idle| now.checked_sub(idle)) {
                freed.extend(model.unload_unused(Why::Idle, Some(since)));
            }
            let is_due = memory.trim_after.is_some_and(|idle| last + idle <= now);
            if is_due && model.running().is_some() && !running.is_trimmed() {
                freed.push(self.trim_running(&model, &running));
            }
        }
        if !freed.is_empty() {
            self.buffers.release();
        }
        freed
    }

    /// Ends every model, even a busy one.
    pub(crate) fn close(&self) -> Vec<Result<Freed, Problem>> {
        let ended = self.all().into_iter().filter_map(|model| {
            model.running()?;
            model.unload(Why::Shutdown, std::time::Duration::ZERO).transpose()
        });
        let ended = ended.collect();
        self.buffers.release();
        ended
    }
}
