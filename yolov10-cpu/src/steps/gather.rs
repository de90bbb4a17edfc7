//! Copies channels: parts of a concatenation that could not be computed in place, slices that start inside a block, planes
//! of an image that are needed in blocks.

use super::Memory;
use crate::layout::{LANES, View};

pub(crate) struct Gather {
    parts: Vec<Part>,
    output: View,
}

/// Some channels of a map, and the channel of the output where they begin.
pub(crate) struct Part {
    pub view: View,
    pub from: usize,
    pub channels: usize,
    pub to: usize,
}

impl Part {
    pub fn whole(view: View, to: usize) -> Part {
        Part { view, from: 0, channels: view.channels, to }
    }

    /// Whether whole blocks can be copied: the rest of the last block is zero in the source, too.
    fn is_blocks(&self) -> bool {
        let ends = self.channels.is_multiple_of(LANES) || self.from + self.channels == self.view.channels;
        self.view.block == LANES && self.from.is_multiple_of(LANES) && self.to.is_multiple_of(LANES) && ends
    }
}

impl Gather {
    /// Parts in the order of their channels.
    pub fn new(parts: Vec<Part>, output: View) -> Gather {
        Gather { parts, output }
    }

    /// One for each row.
    pub fn tasks(&self) -> usize {
        self.output.height
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, row: usize, memory: &Memory) {
        for part in &self.parts {
            // SAFETY: the caller's promise.
            unsafe {
                if part.is_blocks() {
                    self.copy_blocks(part, row, memory);
                } else {
                    self.copy_lanes(part, row, memory);
                }
            }
        }
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    unsafe fn copy_blocks(&self, part: &Part, row: usize, memory: &Memory) {
        for block in 0..part.channels.div_ceil(LANES) {
            let source = part.view.at(part.from / LANES + block, row, 0);
            let target = self.output.at(part.to / LANES + block, row, 0);
            // SAFETY: both views lie in the arena, apart, and have rows of this width.
            unsafe {
                let source = memory.arena.add(source);
                memory.arena.add(target).copy_from_nonoverlapping(source, self.output.width * LANES);
            }
        }
    }

    /// Lanes of the output's last block without a channel become zero.
    ///
    /// # Safety
    /// As [`Step::run`](super::Step::run).
    unsafe fn copy_lanes(&self, part: &Part, row: usize, memory: &Memory) {
        let Part { view, from, channels, to } = *part;
        for channel in 0..channels {
            let source = view.at((from + channel) / view.block, row, 0) + (from + channel) % view.block;
            let target = self.output.at((to + channel) / LANES, row, 0) + (to + channel) % LANES;
            for column in 0..self.output.width {
                // SAFETY: both views lie in the arena and have this channel and rows of this width.
                unsafe {
                    *memory.arena.add(target + column * LANES) = *memory.arena.add(source + column * view.block);
                }
            }
        }
        let end = to + channels;
        if end == self.output.channels {
            for lane in end..end.next_multiple_of(LANES) {
                let target = self.output.at(lane / LANES, row, 0) + lane % LANES;
                for column in 0..self.output.width {
                    // SAFETY: the output has whole blocks.
                    unsafe { *memory.arena.add(target + column * LANES) = 0.0 }
                }
            }
        }
    }
}
