//! Neck: a path aggregation network that lets the three scales inform each other.

use burn::module::Module;

use super::blocks::{C2f, ScDown, Skip};
use super::conv::{Conv, Filter};
use super::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Path aggregation: top-down to spread meaning, bottom-up to spread position.
#[derive(Module, Debug)]
pub struct Neck {
    top_down_p4: C2f,
    top_down_p3: C2f,
    down_p3: Conv,
    bottom_up_p4: C2f,
    down_p4: ScDown,
    bottom_up_p5: C2f,
}

impl Neck {
    pub(crate) fn new(scope: &Scope, [p3, p4, p5]: [usize; 3]) -> Result<Self, Error> {
        let stage = |name: &str, channels| C2f::new(&scope.at(name), channels, Skip::Inverted);
        let top_down_p4 = stage("top_down_p4", p5 + p4)?;
        let mid = top_down_p4.channels_out();
        let top_down_p3 = stage("top_down_p3", mid + p3)?;
        let down_p3 = Conv::new(&scope.at("down_p3"), top_down_p3.channels_out(), Filter::dense(3).stride(2))?;
        let bottom_up_p4 = stage("bottom_up_p4", down_p3.channels_out + mid)?;
        let down_p4 = ScDown::new(&scope.at("down_p4"), bottom_up_p4.channels_out())?;
        let bottom_up_p5 = stage("bottom_up_p5", down_p4.channels_out() + p5)?;
        Ok(Self { top_down_p4, top_down_p3, down_p3, bottom_up_p4, down_p4, bottom_up_p5 })
    }

    /// Channels of P3, P4, P5 in the output.
    pub fn channels_out(&self) -> [usize; 3] {
        [&self.top_down_p3, &self.bottom_up_p4, &self.bottom_up_p5].map(C2f::channels_out)
    }

    /// Takes and returns P3, P4, P5: `[B, C, H/s, W/s]` for s = 8, 16, 32.
    pub fn forward<M: FeatureMap>(&self, [p3, p4, p5]: [M; 3]) -> [M; 3] {
        let mid = self.top_down_p4.forward(M::concat(vec![p5.clone().upsample(), p4]));
        let out3 = self.top_down_p3.forward(M::concat(vec![mid.clone().upsample(), p3]));
        let out4 = self.bottom_up_p4.forward(M::concat(vec![self.down_p3.forward(out3.clone()), mid]));
        let out5 = self.bottom_up_p5.forward(M::concat(vec![self.down_p4.forward(out4.clone()), p5]));
        [out3, out4, out5]
    }
}
