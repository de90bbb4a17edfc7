//! Cross-stage partial block (arXiv:2405.14458 §3.3): half of the channels go through a chain of bottlenecks, and the
//! output of each is kept.

use burn::module::Module;

use super::bottleneck::Bottleneck;
use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Whether the plain bottlenecks of a stage add their input to their output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// In the backbone.
    Always,
    /// In the neck, where only compact inverted ones do.
    Inverted,
}

/// A stage: expand, bottlenecks on the second half, and a merge of everything seen on the way.
#[derive(Module, Debug)]
pub struct C2f {
    expand: Conv,
    bottlenecks: Vec<Bottleneck>,
    merge: Conv,
}

impl C2f {
    pub(crate) fn new(scope: &Scope, channels: usize, skip: Skip) -> Result<Self, Error> {
        let expand = Conv::new(&scope.at("expand"), channels, Filter::dense(1))?;
        let doubled = expand.channels_out;
        scope.at("expand").expect(doubled.is_multiple_of(2), doubled, "an even number")?;
        let half = doubled / 2;
        let chains = scope.at("bottlenecks");
        let bottlenecks = (0..chains.children())
            .map(|index| match chains.at(index) {
                chain if Bottleneck::is_compact_inverted(&chain) => Bottleneck::compact_inverted(&chain, half),
                chain => Bottleneck::plain(&chain, half, skip == Skip::Always),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let merge = Conv::new(&scope.at("merge"), (2 + bottlenecks.len()) * half, Filter::dense(1))?;
        Ok(Self { expand, bottlenecks, merge })
    }

    /// Channels of the output.
    pub fn channels_out(&self) -> usize {
        self.merge.channels_out
    }

    /// `[B, C, H, W]` to `[B, O, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let half = self.expand.channels_out / 2;
        let mut seen = Vec::from(self.expand.forward(input).split([half, half]));
        for bottleneck in &self.bottlenecks {
            let last = seen[seen.len() - 1].clone();
            seen.push(bottleneck.forward(last));
        }
        self.merge.forward(M::concat(seen))
    }
}
