//! What YOLOv10 asks of an engine: the operations its blocks are written in.
//!
//! Each block's `forward` is generic over [`FeatureMap`], so the network is written once and runs as burn
//! tensors on a device, as steps of a plan on the CPU, and as an inventory that counts its cost.

use super::conv::Conv;

/// One feature map `[B, C, H, W]` of the network, in whatever form an engine keeps it.
pub trait FeatureMap: Clone {
    /// C.
    fn channels(&self) -> usize;
    /// Convolution with zero padding of half the kernel, bias and activation: `[B, O, H/stride, W/stride]`.
    fn conv(self, conv: &Conv) -> Self;
    /// Element-wise sum of two maps of one shape.
    fn add(self, other: Self) -> Self;
    /// The maps' channels one after another.
    fn concat(maps: Vec<Self>) -> Self;
    /// The map cut into runs of channels; the sizes add up to C.
    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N];
    /// Maximum over a `kernel` x `kernel` window around every position: `[B, C, H, W]`.
    fn max_pool(self, kernel: usize) -> Self;
    /// Nearest neighbour, twice as high and wide: `[B, C, 2H, 2W]`.
    fn upsample(self) -> Self;
    /// Softmax attention of every position over all positions, the channels shared out among `heads`.
    ///
    /// `query` and `key` `[B, heads * K, H, W]`, `value` `[B, heads * V, H, W]` to `[B, heads * V, H, W]`;
    /// the products are scaled by `1 / sqrt(K)`.
    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self;
}

impl Conv {
    /// `[B, I, H, W]` to `[B, O, H/stride, W/stride]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        input.conv(self)
    }
}
