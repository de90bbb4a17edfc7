//! What the walk along the graph found: every convolution under both names, and what distinguishes the variants.

use super::convolution::Convolution;

/// What a `C2f` is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Two 3x3 convolutions.
    Bottleneck,
    /// Compact inverted block.
    Cib,
    /// Compact inverted block with a 7x7 in its middle.
    LargeKernelCib,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order of the network.
    pub(crate) convolutions: Vec<Convolution>,
    /// Output channels by layer.
    pub(crate) widths: Vec<usize>,
    /// Style and number of the bottlenecks of each `C2f`.
    pub(crate) stages: Vec<(Style, usize)>,
    /// Class count.
    pub(crate) classes: usize,
    /// Whether hidden widths are those of the published variants.
    pub(crate) regular: bool,
}
