//! How a weight `[out, in, k, k]` becomes what the kernels read: one function for each [`Form`].

use std::ops::Range;

use crate::kernels::{Kernels, PANELS, bf16_bits};
use crate::layout::{LANES, PAIRS};
use crate::weights::{Form, GROUP, PANEL_PADDING, Packed, WeightSpec};

impl WeightSpec {
    /// Packs `weight` (OIHW) and `bias`; what is not written stays zero: lanes beyond the channels.
    pub fn pack(&self, weight: &[f32], bias: &[f32], place: Packed, pages: &mut [f32], kernels: &Kernels) {
        if self.bias {
            pages[place.bias..][..bias.len()].copy_from_slice(bias);
        }
        let packed = &mut pages[place.weights..][..self.len()];
        match self.form {
            Form::Depthwise => self.pack_depthwise(weight, packed),
            Form::Planar | Form::Direct => self.pack_taps(weight, packed),
            Form::Pairs => self.pack_pairs(weight, packed),
            Form::Winograd => self.pack_winograd(weight, packed, kernels),
            Form::WinogradPairs => self.pack_winograd_pairs(weight, packed, kernels),
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

/// Rounds a row of an input channel into its half of a row of pairs: the even channels have the lower one.
fn merge(channel: usize, row: &[f32; LANES], pairs: &mut [f32]) {
    let half = channel % 2 * 16;
    for (pair, &value) in pairs.iter_mut().zip(row) {
        *pair = f32::from_bits(pair.to_bits() | bf16_bits(value) << half);
    }
}
