//! The network's operations as GPUs like them: channels last, and each layer in as few kernels as burn allows.
//!
//! Weights lie `[O, kh, kw, I]` in memory ([`ParameterForm`](crate::weights::ParameterForm) has
//! them read so), or every call would lay them
//! out anew. Where kernels are chosen by trial, a 1x1 convolution is a matrix product, which burn joins with what
//! follows. Bias and activation follow every convolution in f32, and are stored in the network's precision: burn has fast
//! depthwise kernels only without a bias, and 16 bits are too few for SiLU.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Tensor};

use super::operations::{self, Units};
use crate::device::Choice;
use crate::engine::tensors::{activate, attend};
use crate::network::{Conv, FeatureMap};
use crate::precision::Precision;

/// A feature map `[B, C, H, W]` whose memory is `[B, H, W, C]`.
#[derive(Clone)]
pub struct ChannelsLast {
    pub(super) map: Tensor<4>,
    pub(super) arithmetic: Arithmetic,
}

/// What the network computes in, and with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arithmetic {
    /// What it is stored in and multiplied as; the picture itself is f32.
    pub precision: Precision,
    /// Whose kernels do it.
    pub choice: Choice,
}

impl ChannelsLast {
    /// The sums of products alone.
    fn convolve(self, conv: &Conv) -> Tensor<4> {
        let filter = conv.filter;
        let groups = if filter.depthwise { conv.channels_in } else { 1 };
        let weight = conv.weight.val();
        let map = self.map.cast(weight.dtype());
        let Arithmetic { precision, choice } = self.arithmetic;
        if precision == Precision::F32 {
            return operations::convolve(map, weight, filter.stride, groups, Units::Plain);
        }
        if choice == Choice::Rule {
            return operations::convolve(map, weight, filter.stride, groups, Units::Matrix);
        }
        if filter.kernel == 1 && filter.stride == 1 && !filter.depthwise {
            return matrix_product(map, weight);
        }
        let options = ConvOptions::new([filter.stride; 2], [filter.kernel / 2; 2], [1, 1], groups);
        conv2d(map, weight, None, options)
    }
}

/// `[B, heads, M, K]` by `[B, heads, K, N]` as a grouped 1x1 convolution, for its exact sums.
fn exact_matmul(left: Tensor<4>, right: Tensor<4>) -> Tensor<4> {
    let [batch, heads, rows, inner] = left.dims();
    let [_, _, _, columns] = right.dims();
    let groups = batch * heads;
    let map = right.reshape([1, groups * inner, 1, columns]);
    let weight = left.reshape([groups * rows, inner, 1, 1]);
    operations::convolve(map, weight, 1, groups, Units::Plain).reshape([batch, heads, rows, columns])
}

/// A 1x1 convolution: `[B * H * W, I]` by `[I, O]`.
fn matrix_product(map: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    let [batch, inputs, height, width] = map.dims();
    let [outputs, ..] = weight.dims();
    let rows = map.permute([0, 2, 3, 1]).reshape([batch * height * width, inputs]);
    rows.matmul(weight.reshape([outputs, inputs]).transpose())
        .reshape([batch, height, width, outputs])
        .permute([0, 3, 1, 2])
}

/// `[B, C, H, W]`, in the precision it was computed in.
impl From<ChannelsLast> for Tensor<4> {
    fn from(map: ChannelsLast) -> Self {
        map.map
    }
}

impl FeatureMap for ChannelsLast {
    fn channels(&self) -> usize {
        self.map.channels()
    }

    fn conv(self, conv: &Conv) -> Self {
        let arithmetic = self.arithmetic;
        let bias = conv.bias.val().reshape([1, conv.channels_out, 1, 1]);
        let sums = self.convolve(conv).cast(DType::F32) + bias;
        let map = activate(sums, conv.filter.activation).cast(arithmetic.precision.dtype());
        Self { map, arithmetic }
    }

    fn add(self, other: Self) -> Self {
        let arithmetic = self.arithmetic;
        let map = FeatureMap::add(self.map, other.map);
        Self { map, arithmetic }
    }

    fn concat(maps: Vec<Self>) -> Self {
        let arithmetic = maps[0].arithmetic;
        let map = FeatureMap::concat(maps.into_iter().map(|map| map.map).collect());
        Self { map, arithmetic }
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let arithmetic = self.arithmetic;
        FeatureMap::split(self.map, sizes).map(|map| Self { map, arithmetic })
    }

    fn max_pool(self, kernel: usize) -> Self {
        let arithmetic = self.arithmetic;
        let map = FeatureMap::max_pool(self.map, kernel);
        Self { map, arithmetic }
    }

    fn upsample(self) -> Self {
        let arithmetic = self.arithmetic;
        let map = FeatureMap::upsample(self.map);
        Self { map, arithmetic }
    }

    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self {
        let arithmetic = value.arithmetic;
        let matmul = match arithmetic {
            Arithmetic { precision: Precision::F32, .. } => exact_matmul,
            Arithmetic { choice: Choice::Rule, .. } => operations::product,
            Arithmetic { choice: Choice::Trial, .. } => Tensor::matmul,
        };
        let map = attend(query.map, key.map, value.map, heads, matmul);
        Self { map, arithmetic }
    }
}
