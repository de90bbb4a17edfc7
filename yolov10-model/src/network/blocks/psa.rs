//! Partial self-attention (arXiv:2405.14458 §3.3): global context for half of the channels of the smallest map.

use burn::module::Module;

use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Channels of one attention head, as in the reference; fewer channels than that make one head.
const HEAD_CHANNELS: usize = 64;

/// Each head has two channels or more: its key has half as many as its value, and must have one.
fn heads_of(channels: usize) -> usize {
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
    fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
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

/// Two 1x1 convolutions with an activation between them.
#[derive(Module, Debug)]
pub struct FeedForward {
    expand: Conv,
    project: Conv,
}

impl FeedForward {
    fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let expand = Conv::new(&scope.at("expand"), channels, Filter::dense(1))?;
        let project = Conv::new(&scope.at("project"), expand.channels_out, Filter::dense(1).linear())?;
        scope.at("project").expect_outputs(project.channels_out, channels)?;
        Ok(Self { expand, project })
    }

    /// `[B, C, H, W]` to `[B, C, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        self.project.forward(self.expand.forward(input))
    }
}

/// Attention and feed-forward, each with a skip, on the second half of the channels.
#[derive(Module, Debug)]
pub struct Psa {
    expand: Conv,
    attention: Attention,
    feed_forward: FeedForward,
    merge: Conv,
}

impl Psa {
    pub(crate) fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let expand = Conv::new(&scope.at("expand"), channels, Filter::dense(1))?;
        let (doubled, half) = (expand.channels_out, expand.channels_out / 2);
        let multiple = 2 * heads_of(half);
        let shares_out = doubled.is_multiple_of(multiple) && doubled > multiple;
        let expected = format!("a multiple of {multiple}, and more than that");
        scope.at("expand").expect(shares_out, doubled, &expected)?;
        Ok(Self {
            attention: Attention::new(&scope.at("attention"), half)?,
            feed_forward: FeedForward::new(&scope.at("feed_forward"), half)?,
            merge: Conv::new(&scope.at("merge"), 2 * half, Filter::dense(1))?,
            expand,
        })
    }

    /// Channels of the output.
    pub fn channels_out(&self) -> usize {
        self.merge.channels_out
    }

    /// `[B, C, H, W]` to `[B, O, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let half = self.expand.channels_out / 2;
        let [kept, local] = self.expand.forward(input).split([half, half]);
        let global = self.attention.forward(local.clone()).add(local);
        let refined = self.feed_forward.forward(global.clone()).add(global);
        self.merge.forward(M::concat(vec![kept, refined]))
    }
}
