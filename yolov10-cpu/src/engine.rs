//! The engine: a network's packed weights, a team of threads, and plans for the sizes of image that it has seen.

use std::sync::Arc;

use crate::compile::compile;
use crate::cores;
use crate::error::Error;
use crate::graph::Graph;
use crate::image::{InputPlanes, MapView};
use crate::isa::Isa;
use crate::kernels::Kernels;
use crate::layout::LANES;
use crate::options::Options;
use crate::packing::pack;
use crate::pages::{Ledger, Pages};
use crate::plan::Plan;
use crate::steps::{Memory as StepMemory, Threads};
use crate::team::{Broken, Member, Tasks, Team};
use crate::value::Value;
use crate::weights::Packed;

/// Plans kept: of so many sizes the least recently used is forgotten.
const PLANS: usize = 8;

/// A network that runs. It is used by one thread at a time, may move between threads, and shares nothing with
/// other engines: dropping it ends its threads and returns its memory to the operating system at once.
pub struct Engine {
    graph: Graph,
    packed: Vec<Packed>,
    isa: Isa,
    memory_limit: usize,
    // Before the region: the team's threads end first.
    team: Team<Region>,
    region: Arc<Region>,
    /// Most recently used last.
    plans: Vec<Arc<Plan>>,
    /// Room for the views of the outputs, reused by every run.
    views: Vec<MapView<'static>>,
    ledgers: Ledgers,
}

/// Counts of the bytes that an engine has mapped. They may be kept longer than the engine, and then say 0.
#[derive(Clone, Debug, Default)]
pub struct Ledgers {
    /// Packed weights.
    pub weights: Ledger,
    /// Activations and scratch.
    pub workspace: Ledger,
}

/// Bytes that an engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Packed weights.
    pub weights: usize,
    /// Activations and scratch, sized for the largest plan since the last [`Engine::trim`].
    pub workspace: usize,
    /// Plans kept.
    pub plans: usize,
}

/// What the team works on: a plan and all memory. The engine owns it alone between runs.
struct Region {
    plan: Option<Arc<Plan>>,
    /// Of each phase.
    tasks: Vec<Tasks>,
    weights: Pages,
    arena: Pages,
    kernels: &'static Kernels,
}

impl Engine {
    /// Reads the network that ends in `outputs` and packs its weights. `weights` is asked once for each
    /// convolution's key, in evaluation order, and fills the weight `[out, in / groups, k, k]` and the bias `[out]`.
    pub fn new<E: From<Error>>(
        outputs: &[Value],
        options: &Options,
        weights: impl FnMut(u64, &mut [f32], &mut [f32]) -> Result<(), E>,
    ) -> Result<Engine, E> {
        let isa = options.isa.unwrap_or_else(Isa::detect);
        let kernels = Kernels::of(isa, options.precision)?;
        let graph = compile(outputs, options)?;
        let memory_limit = options.memory_limit.unwrap_or(usize::MAX);
        let ledgers = Ledgers::default();
        let (pages, packed) = pack(&graph.weights, memory_limit, &ledgers.weights, kernels, weights)?;
        let region = Region { plan: None, tasks: Vec::new(), weights: pages, arena: Pages::new(0)?, kernels };
        Ok(Engine {
            views: Vec::with_capacity(graph.outputs.len()),
            graph,
            packed,
            isa,
            memory_limit,
            team: Team::new(options.threads.unwrap_or_else(cores::physical), Region::work)?,
            region: Arc::new(region),
            plans: Vec::new(),
            ledgers,
        })
    }

    /// Runs one image of `height` x `width`. `fill` writes all of the input, `read` sees the outputs in place, in
    /// the order given to [`Engine::new`].
    ///
    /// The first image of a size compiles its plan; a run of a size that has a plan allocates nothing. Plans of the
    /// eight sizes used last are kept; all of them share one workspace, as large as the largest has needed.
    ///
    /// Results are the same bits for every run and any number of threads. Denormal numbers count as zero, in the
    /// team's threads and only while they work. A panic of one of them continues in the caller.
    pub fn run<R>(
        &mut self,
        height: usize,
        width: usize,
        fill: impl FnOnce(InputPlanes<'_>),
        read: impl FnOnce(&[MapView<'_>]) -> R,
    ) -> Result<R, Error> {
        let plan = self.plan([height, width])?;
        let region = Arc::get_mut(&mut self.region).expect("the team has let go of the region");
        fill(InputPlanes::new(plan.input, region.arena.floats_mut()));
        region.tasks.iter_mut().for_each(Tasks::reset);
        self.team.run(&self.region);

        let mut views = recycle(std::mem::take(&mut self.views));
        let data = self.region.arena.floats();
        views.extend(plan.outputs.iter().map(|&view| MapView::new(view, data)));
        let result = read(&views);
        self.views = recycle(views);
        Ok(result)
    }

    /// The bytes it holds now.
    pub fn memory(&self) -> Memory {
        Memory { weights: self.region.weights.len(), workspace: self.region.arena.len(), plans: self.plans.len() }
    }

    /// The counts of its bytes, which outlive it.
    pub fn ledgers(&self) -> Ledgers {
        self.ledgers.clone()
    }

    /// Gives all plans and their workspace back and keeps the weights; says how many bytes that were.
    pub fn trim(&mut self) -> usize {
        let freed = self.region.arena.len();
        let region = Arc::get_mut(&mut self.region).expect("the team has let go of the region");
        region.plan = None;
        region.tasks = Vec::new();
        region.arena = Pages::default();
        self.plans = Vec::new();
        freed
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Threads that work, the calling one included.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }

    /// The plan for a size, ready in the region.
    fn plan(&mut self, size: [usize; 2]) -> Result<Arc<Plan>, Error> {
        let members = self.team.threads();
        let known = self.plans.iter().position(|plan| plan.size == size);
        let plan = match known {
            Some(index) => Arc::clone(&self.plans[index]),
            None => Arc::new(Plan::new(&self.graph, &self.packed, size, Threads(members))?),
        };
        let region = Arc::get_mut(&mut self.region).expect("the team has let go of the region");
        let bytes = plan.bytes(members);
        if region.arena.len() < bytes {
            let requested = bytes.saturating_add(region.weights.len());
            if requested > self.memory_limit {
                return Err(Error::MemoryLimit { requested, limit: self.memory_limit });
            }
            // First the old arena goes: both together would be the peak.
            region.arena = Pages::default();
            region.arena = Pages::counted(bytes, &self.ledgers.workspace)?;
        }
        if region.tasks.len() < plan.phases.len() {
            region.tasks.resize_with(plan.phases.len(), || Tasks::new(members));
        }
        region.plan = Some(Arc::clone(&plan));
        match known {
            Some(index) => drop(self.plans.remove(index)),
            None if self.plans.len() == PLANS => drop(self.plans.remove(0)),
            None => {}
        }
        self.plans.push(Arc::clone(&plan));
        Ok(plan)
    }
}

impl Region {
    /// One thread's part of a run: phase after phase, the tasks that it gets.
    #[allow(unsafe_code, reason = "runs the plan's steps on the arena")]
    fn work(&self, member: Member<'_>) -> Result<(), Broken> {
        let Some(plan) = &self.plan else {
            return Ok(());
        };
        let arena = self.arena.as_mut_ptr();
        let memory = StepMemory {
            arena,
            weights: self.weights.floats().as_ptr(),
            scratch: arena.wrapping_add(plan.arena + member.index * plan.scratch),
            kernels: self.kernels,
        };
        for (phase, tasks) in plan.phases.iter().zip(&self.tasks) {
            member.share(tasks, phase.tasks(), |task| {
                // SAFETY: the arena holds the plan's views and a scratch for each member; each task is run
                // once, and a phase is done before the next begins.
                unsafe { phase.run(task, &memory) }
            })?;
        }
        Ok(())
    }
}

/// The same room for views of another lifetime: an empty vector is collected in place.
fn recycle<'a>(mut views: Vec<MapView<'_>>) -> Vec<MapView<'a>> {
    views.clear();
    views.into_iter().map(|_| unreachable!("the vector is empty")).collect()
}

const _: () = assert!(LANES * size_of::<f32>() == 64, "a pixel is a cache line");
