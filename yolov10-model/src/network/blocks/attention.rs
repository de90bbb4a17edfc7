//! Multi-head self-attention (arXiv:2405.14458 §3.3): every position takes values from all positions.

use burn::module::Module;

use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Channels of one attention head, as in the reference; fewer channels than that make one head.
const HEAD_CHANNELS: usize = 64;

/// Each head has two channels or more: its key has half as many as its value, and must have one.
pub(super) fn heads_of(channels: usize) -> usize {
    (channels / HEAD_CHANNELS).max(1)
}

/// Multi-head attention over positions, with a depthwise convolution of the values as positional encoding.
///
/// The converter orders the rows of `qkv` as all heads' queries, then all keys, then all values.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Conv,
    position: Conv,
    project: Conv,
    heads: usize,
}

impl Attention {
    pub(super) fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let heads = heads_of(channels);
        let position = Filter::depthwise(3).linear();
        let attention = Self {
            qkv: Conv::new(&scope.at("qkv"), channels, Filter::dense(1).linear())?,
            position: Conv::new(&scope.at("position"), channels, position)?,
            project: Conv::new(&scope.at("project"), channels, Filter::dense(1).linear())?,
            heads,
        };
        let keys = attention.key_channels(channels);
        scope.at("qkv").expect_outputs(attention.qkv.channels_out, channels + 2 * keys)?;
        scope.at("project").expect_outputs(attention.project.channels_out, channels)?;
        Ok(attention)
    }

    /// Channels of all heads' keys together: half of each head's channels.
    fn key_channels(&self, channels: usize) -> usize {
        channels / self.heads / 2 * self.heads
    }

    /// `[B, C, H, W]` to `[B, C, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let channels = input.channels();
        let keys = self.key_channels(channels);
        let [query, key, value] = self.qkv.forward(input).split([keys, keys, channels]);
        let position = self.position.forward(value.clone());
        self.project.forward(M::attention(query, key, value, self.heads).add(position))
    }
}
