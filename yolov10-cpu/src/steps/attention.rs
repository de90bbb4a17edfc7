//! Attention over all positions of a map, head by head, with the convolutions' microkernel for both products.
//!
//! First the heads are packed (keys and values as weights), then a few queries at a time are scored, normalised and summed
//! up. Rows of scores are kept whole, because maps with attention are small.

use super::Memory;
use crate::kernels::{Finish, Start, Tile};
use crate::layout::{LANES, View, split};
use crate::weights::GROUP;

/// The scores start from nothing.
static ZEROS: [f32; GROUP] = [0.0; GROUP];

/// Channels, positions and heads, and where the packed heads lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub query: View,
    pub key: View,
    pub value: View,
    pub output: View,
    pub heads: usize,
    /// First float of [`Heads::workspace`].
    pub packed: usize,
}

impl Heads {
    fn positions(&self) -> usize {
        self.query.height * self.query.width
    }

    /// Channels of a head's query and key.
    fn key_channels(&self) -> usize {
        self.query.channels / self.heads
    }

    fn value_channels(&self) -> usize {
        self.value.channels / self.heads
    }

    /// Queries `[key channels / 16][positions][16]`.
    fn query_len(&self) -> usize {
        self.key_channels().next_multiple_of(LANES) * self.positions()
    }

    /// Keys `[positions / 32][key channels][32]`.
    fn key_len(&self) -> usize {
        self.key_channels().next_multiple_of(LANES) * self.positions().next_multiple_of(GROUP)
    }

    /// Values `[value channels / 32][positions][32]`.
    fn value_len(&self) -> usize {
        self.value_channels().next_multiple_of(GROUP) * self.positions().next_multiple_of(LANES)
    }

    fn head_len(&self) -> usize {
        self.query_len() + self.key_len() + self.value_len()
    }

    /// Floats of all packed heads; `usize::MAX` means that many or more.
    pub fn workspace(&self) -> usize {
        self.heads.saturating_mul(self.head_len())
    }

    /// Offsets of a head's queries, keys and values.
    fn head(&self, head: usize) -> [usize; 3] {
        let query = self.packed + head * self.head_len();
        [query, query + self.query_len(), query + self.query_len() + self.key_len()]
    }
}

/// The first step: each task packs the queries, the keys or the values of a head.
pub(crate) struct PackHeads(pub Heads);

impl PackHeads {
    pub fn tasks(&self) -> usize {
        3 * self.0.heads
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let heads = &self.0;
        let (head, operand) = (task / 3, task % 3);
        let offset = heads.head(head)[operand];
        let len = [heads.query_len(), heads.key_len(), heads.value_len()][operand];
        let view = [heads.query, heads.key, heads.value][operand];
        let channels = view.channels / heads.heads;
        // SAFETY: the workspace is this task's alone, the view lies in the arena.
        unsafe {
            let packed = std::slice::from_raw_parts_mut(memory.arena.add(offset), len);
            packed.fill(0.0);
            for channel in 0..channels {
                let in_map = head * channels + channel;
                for row in 0..view.height {
                    let source = memory.arena.add(view.at(in_map / LANES, row, 0) + in_map % LANES);
                    for column in 0..view.width {
                        packed[heads.index(operand, channel, row * view.width + column)] = *source.add(column * LANES);
                    }
                }
            }
        }
    }
}

impl Heads {
    /// Where a packed operand (0 query, 1 key, 2 value) has a channel of a position.
    fn index(&self, operand: usize, channel: usize, position: usize) -> usize {
        match operand {
            0 => (channel / LANES * self.positions() + position) * LANES + channel % LANES,
            1 => (position / GROUP * self.key_channels().next_multiple_of(LANES) + channel) * GROUP + position % GROUP,
            _ => (channel / GROUP * self.positions().next_multiple_of(LANES) + position) * GROUP + channel % GROUP,
        }
    }
}

/// The second step: each task attends for some positions of a head.
pub(crate) struct Attend {
    heads: Heads,
    /// Distances between blocks of the packed queries.
    taps: Vec<usize>,
    parts: usize,
}

/// Queries at once: as many as the widest kernel of two blocks takes.
const QUERIES: usize = 14;

/// Blocks of scores that a pass sums up: more than most maps have, and it keeps tables from growing with the map.
const PASS: usize = 256;

/// Distances between blocks of the scores.
static SCORE_TAPS: [usize; PASS] = {
    let mut taps = [0; PASS];
    let mut block = 0;
    while block < PASS {
        taps[block] = block * QUERIES * LANES;
        block += 1;
    }
    taps
};

impl Attend {
    pub fn new(heads: Heads) -> Attend {
        let blocks = heads.key_channels().div_ceil(LANES).min(PASS);
        let taps = (0..blocks).map(|block| block * heads.positions() * LANES).collect();
        Attend { heads, taps, parts: heads.positions().div_ceil(QUERIES) }
    }

    pub fn tasks(&self) -> usize {
        self.heads.heads * self.parts
    }

    /// Scores and sums of the queries that are processed at once, in blocks.
    pub fn scratch(&self) -> usize {
        let scores = self.heads.positions().next_multiple_of(GROUP);
        QUERIES * (scores + self.heads.value_channels().next_multiple_of(GROUP))
    }

    /// # Safety
    /// As [`Step::run`](super::Step::run).
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        let heads = &self.heads;
        let (head, part) = (task / self.parts, task % self.parts);
        let queries = split(heads.positions(), self.parts, part);
        let [query, key, value] = heads.head(head);
        let (count, positions) = (queries.len(), heads.positions());
        let scores = memory.scratch;
        let sums = scores.wrapping_add(QUERIES * positions.next_multiple_of(GROUP));
        // SAFETY: the heads are packed, the scratch has `scratch()` floats.
        unsafe {
            let query_key = Product {
                input: memory.arena.add(query + queries.start * LANES),
                input_stride: positions * LANES,
                blocks: heads.key_channels().div_ceil(LANES),
                taps: &self.taps,
                weights: memory.arena.add(key),
                columns: positions,
                output: scores,
            };
            query_key.run(count, memory);
            let scale = 1.0 / (heads.key_channels() as f32).sqrt();
            for query in 0..count {
                (memory.kernels.softmax)(scores.add(query * LANES), QUERIES * LANES, positions, scale);
            }
            let score_value = Product {
                input: scores,
                input_stride: QUERIES * LANES,
                blocks: positions.div_ceil(LANES),
                taps: &SCORE_TAPS,
                weights: memory.arena.add(value),
                columns: heads.value_channels(),
                output: sums,
            };
            score_value.run(count, memory);
            self.write(head, queries, sums, memory);
        }
    }

    /// # Safety
    /// `sums` holds a head's outputs of these queries in blocks.
    unsafe fn write(&self, head: usize, queries: std::ops::Range<usize>, sums: *const f32, memory: &Memory) {
        let (view, channels) = (&self.heads.output, self.heads.value_channels());
        let pixel = |position: usize| [position / view.width, position % view.width];
        let whole_blocks = channels.is_multiple_of(LANES);
        let lanes = if whole_blocks { LANES } else { 1 };
        for (index, position) in queries.enumerate() {
            let [row, column] = pixel(position);
            for channel in (0..channels).step_by(lanes) {
                let target = head * channels + channel;
                // SAFETY: the caller's promise; heads write disjoint channels.
                unsafe {
                    let source = sums.add((channel / LANES * QUERIES + index) * LANES + channel % LANES);
                    let target = memory.arena.add(view.at(target / LANES, row, column) + target % LANES);
                    target.copy_from_nonoverlapping(source, lanes);
                }
            }
            if !whole_blocks && head + 1 == self.heads.heads {
                for lane in view.channels..view.channels.next_multiple_of(LANES) {
                    // SAFETY: the output has whole blocks.
                    unsafe { *memory.arena.add(view.at(lane / LANES, row, column) + lane % LANES) = 0.0 }
                }
            }
        }
    }
}

/// A product of some queries, in blocks, with a matrix packed as weights.
struct Product<'a> {
    input: *const f32,
    /// From one block of the input to the next.
    input_stride: usize,
    /// Blocks of the input.
    blocks: usize,
    /// The distances of as many blocks as a pass has.
    taps: &'a [usize],
    weights: *const f32,
    columns: usize,
    /// Blocks lie `QUERIES` pixels apart.
    output: *mut f32,
}

impl Product<'_> {
    /// # Safety
    /// The pointers are valid as the fields say, and the output has room for whole groups of 32 columns.
    unsafe fn run(&self, rows: usize, memory: &Memory) {
        let kernels = memory.kernels.tiles(LANES, 1);
        let at_once = if kernels.double.is_empty() { 1 } else { 2 };
        let kernels = kernels.of(at_once);
        let parts = rows.div_ceil(kernels.len());
        for block in (0..self.columns.div_ceil(GROUP) * 2).step_by(at_once) {
            let panel = block / 2 * self.blocks * LANES * GROUP + block % 2 * LANES;
            for part in 0..parts {
                let rows_of_part = split(rows, parts, part);
                for pass in (0..self.blocks).step_by(PASS) {
                    let input = pass * self.input_stride + rows_of_part.start * LANES;
                    let product = Tile {
                        input: self.input.wrapping_add(input),
                        taps: self.taps.as_ptr(),
                        tap_count: (self.blocks - pass).min(PASS),
                        fetch_ahead: false,
                        depth: LANES,
                        weights: self.weights.wrapping_add(panel + pass * LANES * GROUP),
                        weight_stride: GROUP,
                        start: if pass == 0 { Start::Bias(ZEROS.as_ptr()) } else { Start::Output },
                        output: self.output.wrapping_add((block * QUERIES + rows_of_part.start) * LANES),
                        output_stride: QUERIES * LANES,
                        finish: Finish::NOTHING,
                    };
                    // SAFETY: the caller's promise.
                    unsafe { kernels[rows_of_part.len() - 1](&product) }
                }
            }
        }
    }
}
