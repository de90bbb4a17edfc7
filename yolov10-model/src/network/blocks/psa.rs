//! Partial self-attention (arXiv:2405.14458 §3.3): global context for half of the channels of the smallest map.

use burn::module::Module;

use super::attention::{Attention, heads_of};
use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

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
