//! Packed weights: each kernel reads them once from front to back. Packed once, shared by all plans.
//!
//! Output channels come in groups of 32 (the last may be 16), so that a row of a group is two blocks.
//! The order does not depend on the instruction set.

use std::collections::HashMap;
use std::ops::Range;

use crate::Error;
use crate::kernels::{Kernels, POINTS};
use crate::layout::{LANES, PAIRS};
use crate::pages::{Ledger, Pages};
use crate::value::Conv;

/// Output channels of a group.
pub(crate) const GROUP: usize = 2 * LANES;

/// Rows of zeros after each of Winograd's points: 36 points a power of two apart would share a few sets of every
/// cache.
pub(crate) const POINT_PADDING: usize = 1;

/// What a convolution of the graph needs from a weight: all of it, or some of its input channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WeightSpec {
    pub conv: Conv,
    /// Input channels.
    pub channels: Range<usize>,
    pub bias: bool,
    pub form: Form,
}

/// How a weight is packed, which is how it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `[group][input block][row][column][16 inputs][32 outputs]`.
    Direct,
    /// As `Direct`, with 8 pairs of inputs in bf16 for the 16.
    Pairs,
    /// `[group][input][row][column][32 outputs]`: the input lies in planes.
    Planar,
    /// `[group][36 points][input + POINT_PADDING][32 outputs]`.
    Winograd,
    /// `[block][row][column][16]`.
    Depthwise,
}

/// Where a packed weight lies: floats from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub weights: usize,
    pub bias: usize,
    /// From one group to the next.
    pub group_stride: usize,
}

impl WeightSpec {
    /// All of a convolution's weight; the graph chooses the form later.
    pub fn whole(conv: Conv) -> WeightSpec {
        let channels = 0..conv.channels_in;
        WeightSpec {
            conv,
            channels,
            bias: true,
            form: Form::Direct,
        }
    }

    pub fn blocks_out(&self) -> usize {
        self.conv.channels_out.div_ceil(LANES)
    }

    /// Input channels as the kernels see them.
    fn depth(&self) -> usize {
        match self.form {
            Form::Direct | Form::Winograd => self.channels.len().next_multiple_of(LANES),
            Form::Pairs => self.channels.len().next_multiple_of(LANES) / 2,
            Form::Planar => self.channels.len(),
            Form::Depthwise => 1,
        }
    }

    /// Floats of one output channel.
    fn taps(&self) -> usize {
        match self.form {
            Form::Winograd => POINTS * (self.depth() + POINT_PADDING),
            _ => self.conv.kernel * self.conv.kernel * self.depth(),
        }
    }

    fn len(&self) -> usize {
        self.blocks_out() * LANES * self.taps()
    }
}

/// Asks `source` for each weight once, in evaluation order, and packs it.
pub(crate) fn pack<E: From<Error>>(
    specs: &[WeightSpec],
    limit: usize,
    ledger: &Ledger,
    kernels: &Kernels,
    mut source: impl FnMut(u64, &mut [f32], &mut [f32]) -> Result<(), E>,
) -> Result<(Pages, Vec<Packed>), E> {
    let mut placed: Vec<Packed> = Vec::with_capacity(specs.len());
    let mut total = 0;
    for (index, spec) in specs.iter().enumerate() {
        if let Some(same) = specs[..index].iter().position(|earlier| earlier == spec) {
            placed.push(placed[same]);
            continue;
        }
        let bias = total + spec.len();
        placed.push(Packed {
            weights: total,
            bias,
            group_stride: GROUP * spec.taps(),
        });
        total = bias + spec.blocks_out() * LANES;
    }
    let bytes = total * size_of::<f32>();
    if bytes > limit {
        return Err(Error::MemoryLimit {
            requested: bytes,
            limit,
        }
        .into());
    }
    let mut pages = Pages::counted(bytes, ledger)?;

    let mut by_key: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut keys = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let users = by_key.entry(spec.conv.key).or_default();
        if users.is_empty() {
            keys.push(spec.conv.key);
        } else if specs[users[0]].conv.shape() != spec.conv.shape() {
            let reason = "two convolutions of different shapes have this key".to_owned();
            return Err(Error::Unsupported {
                key: spec.conv.key,
                reason,
            }
            .into());
        }
        users.push(index);
    }
    let largest = specs
        .iter()
        .map(|spec| spec.conv.weight_len() + spec.conv.channels_out)
        .max()
        .unwrap_or(0);
    let mut staging = Pages::counted(largest * size_of::<f32>(), ledger)?;
    for key in keys {
        let users = &by_key[&key];
        let conv = specs[users[0]].conv;
        let (weight, rest) = staging.floats_mut().split_at_mut(conv.weight_len());
        let bias = &mut rest[..conv.channels_out];
        source(key, weight, bias)?;
        for &user in users {
            specs[user].pack(weight, bias, placed[user], pages.floats_mut(), kernels);
        }
    }
    Ok((pages, placed))
}

impl Conv {
    fn shape(&self) -> [usize; 4] {
        [
            self.channels_in,
            self.channels_out,
            self.kernel,
            self.groups,
        ]
    }
}

impl WeightSpec {
    /// Packs `weight` (OIHW) and `bias`; what is not written stays zero: lanes beyond the channels.
    fn pack(
        &self,
        weight: &[f32],
        bias: &[f32],
        place: Packed,
        pages: &mut [f32],
        kernels: &Kernels,
    ) {
        if self.bias {
            pages[place.bias..][..bias.len()].copy_from_slice(bias);
        }
        let packed = &mut pages[place.weights..][..self.len()];
        match self.form {
            Form::Depthwise => self.pack_depthwise(weight, packed),
            Form::Planar | Form::Direct => self.pack_taps(weight, packed),
            Form::Pairs => self.pack_pairs(weight, packed),
            Form::Winograd => self.pack_winograd(weight, packed, kernels),
        }
    }

    fn pack_depthwise(&self, weight: &[f32], packed: &mut [f32]) {
        let taps = self.taps();
        for (block, packed) in packed.chunks_exact_mut(LANES * taps).enumerate() {
            self.transpose(weight, block * LANES, 0..taps, |first, rows| {
                packed[first * LANES..][..rows.len() * LANES].copy_from_slice(rows.as_flattened());
            });
        }
    }

    fn pack_taps(&self, weight: &[f32], packed: &mut [f32]) {
        let area = self.conv.kernel * self.conv.kernel;
        let lanes = if self.form == Form::Direct { LANES } else { 1 };
        let row_of = |element: usize| {
            let (channel, tap) = (element / area, element % area);
            (channel / lanes * area + tap) * lanes + channel % lanes
        };
        self.for_each_block(packed, |packed, width, first_output| {
            self.transpose(weight, first_output, self.elements(), |first, rows| {
                for (index, row) in rows.iter().enumerate() {
                    packed[row_of(first + index) * width..][..LANES].copy_from_slice(row);
                }
            });
        });
    }

    fn pack_pairs(&self, weight: &[f32], packed: &mut [f32]) {
        let area = self.conv.kernel * self.conv.kernel;
        self.for_each_block(packed, |packed, width, first_output| {
            self.transpose(weight, first_output, self.elements(), |first, rows| {
                for (index, row) in rows.iter().enumerate() {
                    let (channel, tap) = ((first + index) / area, (first + index) % area);
                    let pair = (channel / LANES * area + tap) * PAIRS + channel % LANES / 2;
                    let half = channel % 2 * 16;
                    for (packed, &value) in packed[pair * width..].iter_mut().zip(row) {
                        *packed = f32::from_bits(packed.to_bits() | bf16_bits(value) << half);
                    }
                }
            });
        });
    }

    fn pack_winograd(&self, weight: &[f32], packed: &mut [f32], kernels: &Kernels) {
        let point_rows = self.depth() + POINT_PADDING;
        self.for_each_block(packed, |packed, width, first_output| {
            self.transpose(weight, first_output, self.elements(), |first, rows| {
                for (index, taps) in rows.as_chunks::<KERNEL_3X3>().0.iter().enumerate() {
                    let channel = first / KERNEL_3X3 + index;
                    let points = &mut packed[channel * width..];
                    kernels.transform_kernel(taps, points, point_rows * width);
                }
            });
        });
    }

    /// Where the input channels lie in the weight of an output channel.
    fn elements(&self) -> Range<usize> {
        let area = self.conv.kernel * self.conv.kernel;
        self.channels.start * area..self.channels.end * area
    }

    /// Calls `pack` for every block of output channels: with where its rows begin, the distance between rows
    /// and its first output channel.
    fn for_each_block(&self, packed: &mut [f32], mut pack: impl FnMut(&mut [f32], usize, usize)) {
        let taps = self.taps();
        for (index, group) in packed.chunks_mut(GROUP * taps).enumerate() {
            let width = group.len() / taps;
            for column in (0..width).step_by(LANES) {
                pack(&mut group[column..], width, index * GROUP + column);
            }
        }
    }

    /// Turns 16 output channels of `weight` from `first_output` on into rows of 16, some elements at a time, and
    /// hands them on with the number of the first. Lanes beyond the last channel are zero.
    fn transpose(
        &self,
        weight: &[f32],
        first_output: usize,
        elements: Range<usize>,
        mut write: impl FnMut(usize, &[[f32; LANES]]),
    ) {
        let stride = weight.len() / self.conv.channels_out;
        let mut rows = [[0.0; LANES]; CHUNK];
        for start in elements.clone().step_by(CHUNK) {
            let chunk = start..elements.end.min(start + CHUNK);
            let outputs = weight.chunks_exact(stride).skip(first_output).take(LANES);
            for (lane, output) in outputs.enumerate() {
                for (row, &value) in rows.iter_mut().zip(&output[chunk.clone()]) {
                    row[lane] = value;
                }
            }
            write(start - elements.start, &rows[..chunk.len()]);
        }
    }
}

const KERNEL_3X3: usize = 9;
/// Elements transposed at once: whole 3x3 kernels, and a few cache lines of each output channel, whose addresses
/// often differ by a power of two and would push each other out of the cache.
const CHUNK: usize = 8 * KERNEL_3X3;

/// The nearest bf16, ties to even: the upper half of the float's bits.
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16
}
