//! Spatial pyramid pooling, fast form: three chained 5x5 pools see windows of 5, 9 and 13.

use burn::module::Module;

use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

const WINDOW: usize = 5;

/// Context of growing size around every position, at the price of three max-pools.
#[derive(Module, Debug)]
pub struct Sppf {
    reduce: Conv,
    merge: Conv,
}

impl Sppf {
    /// Some checkpoints were trained without an activation in `reduce`; the metadata says which.
    pub(crate) fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let filter = match scope.metadata().expect("sppf_activation", &["silu", "identity"])? {
            Some("identity") => Filter::dense(1).linear(),
            Some(_) => Filter::dense(1),
            None => return Err(Error::metadata("sppf_activation", "silu, identity", None)),
        };
        let reduce = Conv::new(&scope.at("reduce"), channels, filter)?;
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
