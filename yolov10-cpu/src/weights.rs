//! Packed weights: each kernel reads them once from front to back. Packed once, shared by all plans.
//!
//! Output channels come in groups of 32 (the last may be 16), so that a row of a group is two blocks.
//! The order does not depend on the instruction set.

use std::collections::HashMap;
use std::ops::Range;

use crate::Error;
use crate::kernels::{Kernels, PANELS};
use crate::layout::LANES;
use crate::pages::{Ledger, Pages};
use crate::value::Conv;

/// Output channels of a group.
pub(crate) const GROUP: usize = 2 * LANES;

/// Rows of a group that a pass over them reads: so many (32 KB) stay in the first-level cache.
pub(crate) const PASS: usize = 256;

/// Rows of zeros after each of Winograd's panels: 36 panels a power of two apart would share a few sets of every
/// cache.
pub(crate) const PANEL_PADDING: usize = 1;

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
    /// `[group][36 panels][input + PANEL_PADDING][32 outputs]`.
    Winograd,
    /// As `Winograd`, with half as many rows of pairs of inputs in bf16.
    WinogradPairs,
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

impl Form {
    /// Whether inputs are multiplied as pairs of bf16.
    pub fn has_pairs(self) -> bool {
        matches!(self, Form::Pairs | Form::WinogradPairs)
    }
}

impl WeightSpec {
    /// All of a convolution's weight; the graph chooses the form later.
    pub fn whole(conv: Conv) -> WeightSpec {
        let channels = 0..conv.channels_in;
        WeightSpec { conv, channels, bias: true, form: Form::Direct }
    }

    pub fn blocks_out(&self) -> usize {
        self.conv.channels_out.div_ceil(LANES)
    }

    /// Input channels as the kernels see them.
    pub fn depth(&self) -> usize {
        match self.form {
            Form::Direct | Form::Winograd => self.channels.len().next_multiple_of(LANES),
            Form::Pairs | Form::WinogradPairs => self.channels.len().next_multiple_of(LANES) / 2,
            Form::Planar => self.channels.len(),
            Form::Depthwise => 1,
        }
    }

    /// Whether its sums are complete before they are stored for the first time.
    pub fn is_summed_at_once(&self) -> bool {
        match self.form {
            Form::Direct | Form::Pairs | Form::Planar => self.taps() <= PASS,
            Form::Winograd | Form::WinogradPairs | Form::Depthwise => true,
        }
    }

    /// Floats of one output channel.
    pub fn taps(&self) -> usize {
        match self.form {
            Form::Winograd | Form::WinogradPairs => PANELS * PANELS * (self.depth() + PANEL_PADDING),
            _ => self.conv.kernel * self.conv.kernel * self.depth(),
        }
    }

    pub fn len(&self) -> usize {
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
        placed.push(Packed { weights: total, bias, group_stride: GROUP * spec.taps() });
        total = bias + spec.blocks_out() * LANES;
    }
    let bytes = total * size_of::<f32>();
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
    let largest = specs.iter().map(|spec| spec.conv.weight_len() + spec.conv.channels_out).max().unwrap_or(0);
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
        [self.channels_in, self.channels_out, self.kernel, self.groups]
    }
}
