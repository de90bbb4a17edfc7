//! Backbone: a picture becomes feature maps at strides 8, 16 and 32 (arXiv:2405.14458 §3.3).

use burn::module::Module;

use super::blocks::{C2f, Psa, ScDown, Skip, Sppf};
use super::conv::{Conv, Filter};
use super::feature_map::FeatureMap;
use crate::{error::Error, size::RGB, weights::Scope};

/// Halves the picture five times, with a stage after each but the first.
#[derive(Module, Debug)]
pub struct Backbone {
    stem: Conv,
    down_p2: Conv,
    stage_p2: C2f,
    down_p3: Conv,
    stage_p3: C2f,
    down_p4: ScDown,
    stage_p4: C2f,
    down_p5: ScDown,
    stage_p5: C2f,
    sppf: Sppf,
    psa: Psa,
}

impl Backbone {
    pub(crate) fn new(scope: &Scope) -> Result<Self, Error> {
        let halve = Filter::dense(3).stride(2);
        let stem = Conv::new(&scope.at("stem"), RGB, halve)?;
        let down_p2 = Conv::new(&scope.at("down_p2"), stem.channels_out, halve)?;
        let stage_p2 = C2f::new(&scope.at("stage_p2"), down_p2.channels_out, Skip::Always)?;
        let down_p3 = Conv::new(&scope.at("down_p3"), stage_p2.channels_out(), halve)?;
        let stage_p3 = C2f::new(&scope.at("stage_p3"), down_p3.channels_out, Skip::Always)?;
        let down_p4 = ScDown::new(&scope.at("down_p4"), stage_p3.channels_out())?;
        let stage_p4 = C2f::new(&scope.at("stage_p4"), down_p4.channels_out(), Skip::Always)?;
        let down_p5 = ScDown::new(&scope.at("down_p5"), stage_p4.channels_out())?;
        let stage_p5 = C2f::new(&scope.at("stage_p5"), down_p5.channels_out(), Skip::Always)?;
        let sppf = Sppf::new(&scope.at("sppf"), stage_p5.channels_out())?;
        let psa = Psa::new(&scope.at("psa"), sppf.channels_out())?;
        Ok(Self { stem, down_p2, stage_p2, down_p3, stage_p3, down_p4, stage_p4, down_p5, stage_p5, sppf, psa })
    }

    /// Channels of P3, P4, P5.
    pub fn channels_out(&self) -> [usize; 3] {
        [self.stage_p3.channels_out(), self.stage_p4.channels_out(), self.psa.channels_out()]
    }

    /// RGB in 0..1, `[B, 3, H, W]`, to P3, P4, P5: `[B, C, H/s, W/s]` for s = 8, 16, 32.
    pub fn forward<M: FeatureMap>(&self, image: M) -> [M; 3] {
        let p2 = self.stage_p2.forward(self.down_p2.forward(self.stem.forward(image)));
        let p3 = self.stage_p3.forward(self.down_p3.forward(p2));
        let p4 = self.stage_p4.forward(self.down_p4.forward(p3.clone()));
        let p5 = self.stage_p5.forward(self.down_p5.forward(p4.clone()));
        [p3, p4, self.psa.forward(self.sppf.forward(p5))]
    }
}
