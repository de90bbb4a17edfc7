//! What weights look like once they are packed: `packing.rs` packs them, the steps read them.
//!
//! Output channels come in groups of 32 (the last may have 16), so that a row of a group is two blocks. The order does not
//! depend on the instruction set.

use std::ops::Range;

use crate::kernels::PANELS;
use crate::layout::LANES;
use crate::value::Conv;

/// Output channels of a group.
pub(crate) const GROUP: usize = 2 * LANES;

/// How many rows of a group one pass reads; this many (32 KB) stay in the first-level cache.
pub(crate) const PASS: usize = 256;

/// Rows of zeros after each of Winograd's panels: 36 panels that lie a power of two apart would share a few sets of every
/// cache.
pub(crate) const PANEL_PADDING: usize = 1;

/// The part of a weight that a convolution of the graph needs: all of it, or some of its input channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WeightSpec {
    pub conv: Conv,
    /// Input channels.
    pub channels: Range<usize>,
    pub bias: bool,
    pub algorithm: Algorithm,
}

/// How a weight is packed, and thereby how the convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// `[group][input block][row][column][16 inputs][32 outputs]`.
    Direct,
    /// As `Direct`, with 8 pairs of inputs in bf16 for the 16.
    Pairs,
    /// `[group][input][row][column][32 outputs]`, for an input in planes.
    Planar,
    /// `[group][36 panels][input + PANEL_PADDING][32 outputs]`.
    Winograd,
    /// As `Winograd`, with half as many rows of pairs of inputs in bf16.
    WinogradPairs,
    /// `[block][row][column][16]`.
    Depthwise,
}

/// Where a packed weight is, in floats from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub weights: usize,
    pub bias: usize,
    /// From one group to the next.
    pub group_stride: usize,
}

impl Algorithm {
    /// Whether inputs are multiplied as pairs of bf16.
    pub fn has_pairs(self) -> bool {
        matches!(self, Algorithm::Pairs | Algorithm::WinogradPairs)
    }
}

impl WeightSpec {
    /// All of a convolution's weight; `passes.rs` chooses the algorithm later.
    pub fn whole(conv: Conv) -> WeightSpec {
        let channels = 0..conv.channels_in;
        WeightSpec { conv, channels, bias: true, algorithm: Algorithm::Direct }
    }

    pub fn blocks_out(&self) -> usize {
        self.conv.channels_out.div_ceil(LANES)
    }

    /// Input channels as the kernels see them.
    pub fn depth(&self) -> usize {
        match self.algorithm {
            Algorithm::Direct | Algorithm::Winograd => self.channels.len().next_multiple_of(LANES),
            Algorithm::Pairs | Algorithm::WinogradPairs => self.channels.len().next_multiple_of(LANES) / 2,
            Algorithm::Planar => self.channels.len(),
            Algorithm::Depthwise => 1,
        }
    }

    /// Whether its sums are complete before they are stored for the first time.
    pub fn is_summed_at_once(&self) -> bool {
        match self.algorithm {
            Algorithm::Direct | Algorithm::Pairs | Algorithm::Planar => self.taps() <= PASS,
            Algorithm::Winograd | Algorithm::WinogradPairs | Algorithm::Depthwise => true,
        }
    }

    /// Floats of one output channel.
    pub fn taps(&self) -> usize {
        match self.algorithm {
            Algorithm::Winograd | Algorithm::WinogradPairs => PANELS * PANELS * (self.depth() + PANEL_PADDING),
            _ => self.conv.kernel * self.conv.kernel * self.depth(),
        }
    }

    /// Floats of all; `usize::MAX` means that many or more.
    pub fn len(&self) -> usize {
        (self.blocks_out() * LANES).saturating_mul(self.taps())
    }
}
