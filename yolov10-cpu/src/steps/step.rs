//! One step of a plan, of any kind.

use super::{Attend, Depthwise, Direct, Gather, MaxPool, Memory, PackHeads, Sum, Upsample, Winograd};

/// One step. Its tasks write disjoint parts of the arena and may run in any order, on any thread.
pub(crate) enum Step {
    Direct(Direct),
    Winograd(Winograd),
    Depthwise(Depthwise),
    Sum(Sum),
    Gather(Gather),
    MaxPool(MaxPool),
    Upsample(Upsample),
    PackHeads(PackHeads),
    Attend(Attend),
}

impl Step {
    /// How many tasks it has; this is fixed when the plan is made.
    pub fn tasks(&self) -> usize {
        match self {
            Step::Direct(step) => step.tasks(),
            Step::Winograd(step) => step.tasks(),
            Step::Depthwise(step) => step.tasks(),
            Step::Sum(step) => step.tasks(),
            Step::Gather(step) => step.tasks(),
            Step::MaxPool(step) => step.tasks(),
            Step::Upsample(step) => step.tasks(),
            Step::PackHeads(step) => step.tasks(),
            Step::Attend(step) => step.tasks(),
        }
    }

    /// Floats of scratch memory that each thread needs.
    pub fn scratch(&self) -> usize {
        match self {
            Step::Direct(step) => step.scratch(),
            Step::Winograd(step) => step.scratch(),
            Step::MaxPool(step) => step.scratch(),
            Step::Attend(step) => step.scratch(),
            _ => 0,
        }
    }

    /// Computes one task.
    ///
    /// # Safety
    /// `memory` is laid out by this step's plan, its kernels are of a set that the machine has, the steps before have run,
    /// and no other thread runs this task.
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        // SAFETY: the caller's promise is that of each step.
        unsafe {
            match self {
                Step::Direct(step) => step.run(task, memory),
                Step::Winograd(step) => step.run(task, memory),
                Step::Depthwise(step) => step.run(task, memory),
                Step::Sum(step) => step.run(task, memory),
                Step::Gather(step) => step.run(task, memory),
                Step::MaxPool(step) => step.run(task, memory),
                Step::Upsample(step) => step.run(task, memory),
                Step::PackHeads(step) => step.run(task, memory),
                Step::Attend(step) => step.run(task, memory),
            }
        }
    }
}
