//! The engine: a network, a team of threads, and plans for the image sizes that it has seen.

use std::sync::Arc;

use crate::cores;
use crate::error::Error;
use crate::image::{InputRows, MapView};
use crate::isa::Isa;
use crate::layout::LANES;
use crate::network::Network;
use crate::options::Options;
use crate::pages::{Ledger, Pages};
use crate::plan::Plan;
use crate::steps::{Memory as StepMemory, Threads};
use crate::team::{Tasks, Team};
use crate::value::Value;

/// How many plans are kept; beyond that, the least recently used one is dropped.
const PLANS: usize = 8;

/// How many rows of the input are filled at a time.
const ROWS: usize = 8;

/// A network that is ready to run. One thread at a time can use it, and it may move between threads. [`Engine::share`] makes
/// further engines with the same packed weights; nothing else is shared. Dropping an engine ends its threads and returns
/// its memory to the operating system at once; the weights go back with the last engine that uses them.
pub struct Engine {
    network: Arc<Network>,
    memory_limit: usize,
    team: Team,
    arena: Pages,
    /// The filling of the input.
    filling: Tasks,
    /// One for each phase of a plan.
    tasks: Vec<Tasks>,
    /// Most recently used last.
    plans: Vec<Plan>,
    /// Space for the views of the outputs, reused by every run.
    views: Vec<MapView<'static>>,
    ledgers: Ledgers,
}

/// Counts of the bytes that an engine has mapped. They may outlive the engine, and then tell what is left.
#[derive(Clone, Debug, Default)]
pub struct Ledgers {
    /// Packed weights: one count for all engines that share them.
    pub weights: Ledger,
    /// Activations and scratch.
    pub workspace: Ledger,
}

/// Bytes that an engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Packed weights. They exist once, however many engines share them.
    pub weights: usize,
    /// Engines that share the weights, this one included.
    pub sharers: usize,
    /// Activations and scratch, sized for the largest plan since the last [`Engine::trim`].
    pub workspace: usize,
    /// Plans kept.
    pub plans: usize,
}

/// Bytes that an engine gave back to the operating system when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Packed weights; 0 if another engine still uses them.
    pub weights: usize,
    /// Activations and scratch.
    pub workspace: usize,
}

impl Engine {
    /// Reads the network that ends in `outputs` and packs its weights. `weights` is asked once for each
    /// convolution's key, in evaluation order, and fills the weight `[out, in / groups, k, k]` and the bias `[out]`.
    ///
    /// # Errors
    /// There are no kernels for the network, or not of the kind asked for; a number is beyond any machine; the memory limit
    /// is too low; the system refuses memory or a thread; or `weights` fails.
    pub fn new<E: From<Error>>(
        outputs: &[Value],
        options: &Options,
        weights: impl FnMut(u64, &mut [f32], &mut [f32]) -> Result<(), E>,
    ) -> Result<Engine, E> {
        let team = Team::new(options.threads.unwrap_or_else(cores::physical))?;
        let ledgers = Ledgers::default();
        let network = Network::new(outputs, options, &ledgers.weights, weights)?;
        Ok(Engine::of(Arc::new(network), team, options.memory_limit.unwrap_or(usize::MAX), ledgers))
    }

    /// Makes another engine for the same network. It uses the weights of this one, and has plans, a workspace and as many
    /// threads of its own. Either may be dropped first. A memory limit applies to each, weights included.
    ///
    /// # Errors
    /// The system can't start a thread.
    pub fn share(&self) -> Result<Engine, Error> {
        let team = Team::new(self.team.threads())?;
        let ledgers = Ledgers { weights: self.ledgers.weights.clone(), workspace: Ledger::default() };
        Ok(Engine::of(Arc::clone(&self.network), team, self.memory_limit, ledgers))
    }

    fn of(network: Arc<Network>, team: Team, memory_limit: usize, ledgers: Ledgers) -> Engine {
        let views = Vec::with_capacity(network.graph.outputs.len());
        let (arena, tasks, plans) = (Pages::default(), Vec::new(), Vec::new());
        let filling = Tasks::new(team.threads().get());
        Engine { network, memory_limit, team, arena, filling, tasks, plans, views, ledgers }
    }

    /// Runs one image of `height` x `width`. `fill` writes the input, a few rows at a time, on any of the team's threads;
    /// `read` sees the outputs in place, in the order given to [`Engine::new`].
    ///
    /// The first image of a size compiles its plan; a run of a size that has a plan allocates nothing. The plans of the eight
    /// sizes used last are kept; all share one workspace, as large as the largest of them needed.
    ///
    /// Results have the same bits in every run, with any number of threads. Denormal numbers count as zero in the team's
    /// threads while they work, in `fill` too. A panic in one of them continues in the caller.
    ///
    /// # Errors
    /// The size does not suit the network, or the workspace exceeds the memory limit or the machine. The engine stays
    /// usable.
    #[allow(unsafe_code, reason = "fills the input and runs the plan's steps on the arena")]
    pub fn run<R>(
        &mut self,
        height: usize,
        width: usize,
        fill: impl Fn(InputRows<'_>) + Sync,
        read: impl FnOnce(&[MapView<'_>]) -> R,
    ) -> Result<R, Error> {
        self.prepare([height, width])?;
        let plan = self.plans.last().expect("the plan was prepared");
        self.filling.reset();
        self.tasks.iter_mut().for_each(Tasks::reset);
        let (network, arena, filling, tasks) = (&self.network, &self.arena, &self.filling, &self.tasks);
        self.team.run(&|member| {
            member.share(filling, height.div_ceil(ROWS), |part| {
                let rows = part * ROWS..height.min((part + 1) * ROWS);
                // SAFETY: the arena holds the plan's views; each part is filled once, and the first phase waits for all.
                fill(unsafe { InputRows::new(plan.input, rows, arena.as_mut_ptr()) });
            })?;
            let memory = StepMemory {
                arena: arena.as_mut_ptr(),
                weights: network.weights.floats().as_ptr(),
                scratch: arena.as_mut_ptr().wrapping_add(plan.arena + member.index * plan.scratch),
                kernels: network.kernels,
            };
            for (phase, tasks) in plan.phases.iter().zip(tasks) {
                member.share(tasks, phase.tasks(), |task| {
                    // SAFETY: the arena holds the plan's views and a scratch for each member; each task is run
                    // once, and a phase is done before the next begins.
                    unsafe { phase.run(task, &memory) }
                })?;
            }
            Ok(())
        });

        let mut views = recycle(std::mem::take(&mut self.views));
        let data = self.arena.floats();
        views.extend(plan.outputs.iter().map(|&view| MapView::new(view, data)));
        let result = read(&views);
        self.views = recycle(views);
        Ok(result)
    }

    /// The bytes it holds now.
    pub fn memory(&self) -> Memory {
        Memory {
            weights: self.network.weights.len(),
            sharers: Arc::strong_count(&self.network),
            workspace: self.arena.len(),
            plans: self.plans.len(),
        }
    }

    /// The counts of its bytes, which outlive it.
    pub fn ledgers(&self) -> Ledgers {
        self.ledgers.clone()
    }

    /// Gives back all plans and their workspace, and keeps the weights. Returns the number of bytes.
    pub fn trim(&mut self) -> usize {
        let freed = self.arena.len();
        self.arena = Pages::default();
        self.tasks = Vec::new();
        self.plans = Vec::new();
        freed
    }

    /// Drops it; returns what was given back.
    pub fn close(self) -> Freed {
        let Engine { network, team, arena, .. } = self;
        let workspace = arena.len();
        drop((team, arena));
        // If several engines that share weights are closed at once, one of them gets the weights here.
        let weights = Arc::into_inner(network).map_or(0, |network| network.weights.len());
        Freed { weights, workspace }
    }

    /// Sets how many bytes weights and workspace may take together from now on. What is already held stays.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.memory_limit = bytes;
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.network.isa
    }

    /// How many threads work, including the calling one.
    pub fn threads(&self) -> usize {
        self.team.threads().get()
    }

    /// Puts the plan for a size last, and makes room for it.
    fn prepare(&mut self, size: [usize; 2]) -> Result<(), Error> {
        let plan = match self.plans.iter().position(|plan| plan.size == size) {
            Some(known) => self.plans.remove(known),
            None => Plan::new(&self.network.graph, &self.network.packed, size, Threads(self.threads()))?,
        };
        self.make_room(&plan)?;
        if self.plans.len() == PLANS {
            self.plans.remove(0);
        }
        self.plans.push(plan);
        Ok(())
    }

    fn make_room(&mut self, plan: &Plan) -> Result<(), Error> {
        let members = self.threads();
        let bytes = plan.bytes(members);
        if self.arena.len() < bytes {
            let requested = bytes.saturating_add(self.network.weights.len());
            if requested > self.memory_limit {
                return Err(Error::MemoryLimit { requested, limit: self.memory_limit });
            }
            // The old arena goes first: both together would raise the peak.
            self.arena = Pages::default();
            self.arena = Pages::counted(bytes, &self.ledgers.workspace)?;
        }
        if self.tasks.len() < plan.phases.len() {
            self.tasks.resize_with(plan.phases.len(), || Tasks::new(members));
        }
        Ok(())
    }
}

/// Reuses the allocation for views with another lifetime: an empty vector is collected in place.
fn recycle<'a>(mut views: Vec<MapView<'_>>) -> Vec<MapView<'a>> {
    views.clear();
    views.into_iter().map(|_| unreachable!("the vector is empty")).collect()
}

const _: () = assert!(LANES * size_of::<f32>() == 64, "a pixel is a cache line");
