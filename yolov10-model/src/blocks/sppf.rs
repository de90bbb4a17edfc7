//! Spatial pyramid pooling, fast form: three chained 5x5 pools see windows of 5, 9 and 13.

use burn::module::Module;

use super::{Activation, Conv, Filter};
use crate::{error::Error, feature_map::FeatureMap, scope::Scope};

const WINDOW: usize = 5;

/// Context of growing size around every position, at the price of three max-pools.
#[derive(Module, Debug)]
pub struct Sppf {
    reduce: Conv,
    merge: Conv,
}

impl Sppf {
    /// `activation` is that of `reduce`: some checkpoints were trained without one there.
    pub(crate) fn new(scope: &Scope, channels: usize, activation: Activation) -> Result<Self, Error> {
        let reduce = Conv::new(&scope.at("reduce"), channels, Filter::dense(1).activation(activation))?;
        let merge = Conv::new(&scope.at("merge"), 4 * reduce.channels_out, Filter::dense(1))?;
        Ok(Self { reduce, merge })
    }

    /// Channels of the output.
    pub fn channels_out(&self) -> usize {
        self.merge.channels_out
    }

    /// `[B, C, H, W]` to `[B, O, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let near = self.reduce.forward(input);
        let wide = near.clone().max_pool(WINDOW);
        let wider = wide.clone().max_pool(WINDOW);
        let widest = wider.clone().max_pool(WINDOW);
        self.merge.forward(M::concat(vec![near, wide, wider, widest]))
    }
}
