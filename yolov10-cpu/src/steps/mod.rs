//! Steps of a plan: what the kernels compute, cut into tasks that threads take one by one.
//!
//! A step owns no memory: it refers to views of the arena, which the plan has laid out.
#![allow(unsafe_code, reason = "hands pointers into the arena to the kernels")]

mod attention;
mod border;
mod depthwise;
mod direct;
mod gather;
mod maps;
mod step;
mod winograd;

use std::ops::Range;

pub(crate) use attention::{Attend, Heads, PackHeads};
pub(crate) use border::Border;
pub(crate) use depthwise::Depthwise;
pub(crate) use direct::{Direct, Factors, Operands};
pub(crate) use gather::{Gather, Part};
pub(crate) use maps::{MaxPool, Sum, Upsample};
pub(crate) use step::Step;
pub(crate) use winograd::Winograd;

use crate::kernels::{Finish, Kernels, Silu};
use crate::layout::{View, split};

/// What a step works on. Views count floats from `arena`, packed weights from `weights`.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub arena: *mut f32,
    pub weights: *const f32,
    /// This thread's own scratch memory, as long as the plan's longest `scratch`.
    pub scratch: *mut f32,
    pub kernels: &'static Kernels,
}

/// What follows a convolution's sums, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue {
    pub silu: Silu,
    pub residual: Option<View>,
}

impl Epilogue {
    /// For the pixel (row, column) of `block`.
    fn at(&self, memory: &Memory, block: usize, row: usize, column: usize) -> Finish {
        match self.residual {
            None => Finish { silu: self.silu, ..Finish::NOTHING },
            Some(view) => Finish {
                silu: self.silu,
                residual: memory.arena.wrapping_add(view.at(block, row, column)),
                residual_stride: view.block_stride,
            },
        }
    }
}

/// Among how many threads a plan is divided: each gets an equal number of tasks of every step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads(pub usize);

impl Threads {
    /// The fewest tasks that a step should have: two for each thread, because threads are never equally fast.
    fn min_tasks(self) -> usize {
        if self.0 == 1 { 1 } else { 2 * self.0 }
    }

    /// At least `parts`, and a multiple of the threads as far as `most` allows.
    fn even(self, parts: usize, most: usize) -> usize {
        parts.next_multiple_of(self.0).min(most)
    }
}

/// Tasks over the blocks and rows of a map: each has one block and some rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    blocks: usize,
    rows: usize,
    parts: usize,
}

impl Grid {
    /// The fewest floats that a task should write: with fewer, taking the task costs more than doing it.
    const TASK: usize = 8192;

    fn over(view: &View) -> Grid {
        let parts = (view.height * view.row_stride / Grid::TASK).clamp(1, view.height);
        Grid { blocks: view.blocks(), rows: view.height, parts }
    }

    fn tasks(&self) -> usize {
        self.blocks * self.parts
    }

    fn task(&self, index: usize) -> (usize, Range<usize>) {
        (index % self.blocks, split(self.rows, self.parts, index / self.blocks))
    }
}
