//! Turns a weight `[out, in, k, k]` into what the kernels read once, from front to back: one function for each
//! [`Algorithm`]. Weights are packed once and shared by all plans.

use std::collections::HashMap;
use std::ops::Range;

use crate::error::Error;
use crate::kernels::{Kernels, PANELS, bf16_bits};
use crate::layout::{LANES, PAIRS};
use crate::pages::{Ledger, Pages};
use crate::value::Conv;
use crate::weights::{Algorithm, GROUP, PANEL_PADDING, Packed, WeightSpec};

/// Asks `source` for each weight once, in evaluation order, and packs it. Counts saturate: no machine has that much.
pub(crate) fn pack<E: From<Error>>(
    specs: &[WeightSpec],
    limit: usize,
    ledger: &Ledger,
    kernels: &Kernels,
    mut source: impl FnMut(u64, &mut [f32], &mut [f32]) -> Result<(), E>,
) -> Result<(Pages, Vec<Packed>), E> {
    let mut placed: Vec<Packed> = Vec::with_capacity(specs.len());
    let mut total: usize = 0;
    for (index, spec) in specs.iter().enumerate() {
        if let Some(same) = specs[..index].iter().position(|earlier| earlier == spec) {
            placed.push(placed[same]);
            continue;
        }
        let bias = spec.len().saturating_add(total);
        placed.push(Packed { weights: total, bias, group_stride: spec.taps().saturating_mul(GROUP) });
        total = bias.saturating_add(spec.blocks_out() * LANES);
    }
    let bytes = total.saturating_mul(size_of::<f32>());
    if bytes > limit {
        return Err(Error::MemoryLimit { requested: bytes, limit }.into());
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
            return Err(Error::Unsupported { key: spec.conv.key, reason }.into());
        }
        users.push(index);
    }
    let len = |conv: Conv| conv.weight_len().saturating_add(conv.channels_out);
    let largest = specs.iter().map(|spec| len(spec.conv)).max().unwrap_or(0);
    let mut staging = Pages::counted(largest.saturating_mul(size_of::<f32>()), ledger)?;
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
        [self.channels_in, self.channels_out, self.kernel, self.groups]
    }
}

impl WeightSpec {
    /// Packs `weight` (OIHW) and `bias`; lanes beyond the channels stay zero.
    fn pack(&self, weight: &[f32], bias: &[f32], place: Packed, pages: &mut [f32], kernels: &Kernels) {
        if self.bias {
            pages[place.bias..][..bias.len()].copy_from_slice(bias);
        }
        let packed = &mut pages[place.weights..][..self.len()];
        match self.algorithm {
            Algorithm::Depthwise => self.pack_depthwise(weight, packed),
            Algorithm::Planar | Algorithm::Direct => self.pack_taps(weight, packed),
            Algorithm::Pairs => self.pack_pairs(weight, packed),
            Algorithm::Winograd => self.pack_winograd(weight, packed, kernels),
            Algorithm::WinogradPairs => self.pack_winograd_pairs(weight, packed, kernels),
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
        let lanes = if self.algorithm == Algorithm::Direct { LANES } else { 1 };
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
                    merge(channel, row, &mut packed[pair * width..]);
                }
            });
        });
    }

    fn pack_winograd(&self, weight: &[f32], packed: &mut [f32], kernels: &Kernels) {
        let panel_rows = self.depth() + PANEL_PADDING;
        self.for_each_block(packed, |packed, width, first_output| {
            self.transpose(weight, first_output, self.elements(), |first, rows| {
                for (index, taps) in rows.as_chunks::<KERNEL_3X3>().0.iter().enumerate() {
                    let channel = first / KERNEL_3X3 + index;
                    let panels = &mut packed[channel * width..];
                    kernels.transform_kernel(self.conv.stride, taps, panels, panel_rows * width);
                }
            });
        });
    }

    fn pack_winograd_pairs(&self, weight: &[f32], packed: &mut [f32], kernels: &Kernels) {
        let panel_rows = self.depth() + PANEL_PADDING;
        let mut panels = [[0.0; LANES]; PANELS * PANELS];
        self.for_each_block(packed, |packed, width, first_output| {
            self.transpose(weight, first_output, self.elements(), |first, rows| {
                for (index, taps) in rows.as_chunks::<KERNEL_3X3>().0.iter().enumerate() {
                    let channel = first / KERNEL_3X3 + index;
                    let stride = self.conv.stride;
                    kernels.transform_kernel(stride, taps, panels.as_flattened_mut(), LANES);
                    for (panel, row) in panels.iter().enumerate() {
                        let pair = panel * panel_rows + channel / 2;
                        merge(channel, row, &mut packed[pair * width..]);
                    }
                }
            });
        });
    }

    /// Where the input channels are in the weight of an output channel.
    fn elements(&self) -> Range<usize> {
        let area = self.conv.kernel * self.conv.kernel;
        self.channels.start * area..self.channels.end * area
    }

    /// Calls `pack` for every block of output channels, with the start of its rows, the distance between rows and its first
    /// output channel.
    fn for_each_block(&self, packed: &mut [f32], mut pack: impl FnMut(&mut [f32], usize, usize)) {
        let taps = self.taps();
        for (index, group) in packed.chunks_mut(GROUP * taps).enumerate() {
            let width = group.len() / taps;
            for column in (0..width).step_by(LANES) {
                pack(&mut group[column..], width, index * GROUP + column);
            }
        }
    }

    /// Turns 16 output channels of `weight`, starting with `first_output`, into rows of 16, some elements at a time, and
    /// passes them on with the number of the first. Lanes beyond the last channel are zero.
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

/// Rounds a row of an input channel into its half of a row of pairs; even channels have the lower half.
fn merge(channel: usize, row: &[f32; LANES], pairs: &mut [f32]) {
    let half = channel % 2 * 16;
    for (pair, &value) in pairs.iter_mut().zip(row) {
        *pair = f32::from_bits(pair.to_bits() | bf16_bits(value) << half);
    }
}
