//! Spatial-channel decoupled downsampling (arXiv:2405.14458 §3.3): channels first, then space.

use burn::module::Module;

use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// A 1x1 convolution that changes the channels, then a depthwise one that halves height and width.
#[derive(Module, Debug)]
pub struct ScDown {
    pointwise: Conv,
    depthwise: Conv,
}

impl ScDown {
    pub(crate) fn new(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let pointwise = Conv::new(&scope.at("pointwise"), channels, Filter::dense(1))?;
        let halve = Filter::depthwise(3).stride(2).linear();
        let depthwise = Conv::new(&scope.at("depthwise"), pointwise.channels_out, halve)?;
        Ok(Self { pointwise, depthwise })
    }

    /// Channels of the output.
    pub fn channels_out(&self) -> usize {
        self.depthwise.channels_out
    }

    /// `[B, C, H, W]` to `[B, O, H/2, W/2]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        self.depthwise.forward(self.pointwise.forward(input))
    }
}
