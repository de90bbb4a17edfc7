//! The network's operations as GPUs like them: channels last, and each layer in as few kernels as burn allows.
//!
//! Weights lie `[O, kh, kw, I]` in memory ([`ParameterForm`](crate::weights::ParameterForm) has them read so), or every
//! call would lay them out anew. Where kernels are chosen by trial, a 1x1 convolution is a matrix product, which burn joins
//! with what follows. Bias and activation follow every convolution in f32, and are stored in the network's precision,
//! because 16 bits are too few for SiLU. Convolutions that sum over few channels, depthwise ones and the first, are one
//! kernel of our own with all of that in it: they take the time of their bytes, which are half as many so.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Tensor};

use super::operations::{self, Units};
use crate::device::Choice;
use crate::engine::tensors::activate;
use crate::network::{Conv, FeatureMap, Filter};
use crate::precision::Precision;
use crate::size::RGB;

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
    /// A dense convolution's sums of products alone.
    fn convolve(self, weight: Tensor<4>, filter: Filter) -> Tensor<4> {
        let Arithmetic { precision, choice } = self.arithmetic;
        if precision == Precision::F32 {
            return operations::convolve(self.map, weight, filter.stride, Units::Plain);
        }
        if choice == Choice::Rule {
            return operations::convolve(self.map, weight, filter.stride, Units::Matrix);
        }
        if filter.kernel == 1 && filter.stride == 1 {
            return matrix_product(self.map, weight);
        }
        let options = ConvOptions::new([filter.stride; 2], [filter.kernel / 2; 2], [1, 1], 1);
        conv2d(self.map, weight, None, options)
    }
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
        let Conv { channels_out, filter, .. } = *conv;
        let arithmetic = self.arithmetic;
        let dtype = arithmetic.precision.dtype();
        let (weight, bias) = (conv.weight.val(), conv.bias.val());
        let [_, inputs, ..] = weight.dims();
        let map = if inputs <= RGB {
            operations::convolve_few(self.map, weight, bias, filter.stride, filter.activation, dtype)
        } else {
            let sums = self.convolve(weight, filter).cast(DType::F32) + bias.reshape([1, channels_out, 1, 1]);
            activate(sums, filter.activation).cast(dtype)
        };
        Self { map, arithmetic }
    }

    fn add(self, other: Self) -> Self {
        let arithmetic = self.arithmetic;
        let map = FeatureMap::add(self.map, other.map);
        Self { map, arithmetic }
    }

    fn concat(maps: Vec<Self>) -> Self {
        let arithmetic = maps[0].arithmetic;
        let map = operations::concat(maps.into_iter().map(|map| map.map).collect());
        Self { map, arithmetic }
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let arithmetic = self.arithmetic;
        let mut start = 0;
        sizes.map(|size| {
            start += size;
            Self { map: operations::take(self.map.clone(), start - size, size), arithmetic }
        })
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
        let map = operations::attend(query.map, key.map, value.map, heads);
        Self { map, arithmetic }
    }
}
