//! Head: a box and class logits for every cell of P3, P4, P5 (arXiv:2405.14458 §3.2, consistent dual assignments).
//!
//! The one-to-one branches give one box per object and need no NMS; the one-to-many branches, which helped in training,
//! are there only if the weight file kept them. `decode` turns raw maps into boxes.

use burn::module::Module;

use super::conv::{Conv, Filter};
use super::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Bins of the distribution over a box side's distance (DFL, arXiv:2006.04388).
pub const REG_MAX: usize = 16;
/// A box's left, top, right and bottom.
pub const SIDES: usize = 4;
/// Pixels of the input between neighbouring cells of P3, P4, P5.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Hidden convolutions with SiLU, then a 1x1 convolution without.
#[derive(Module, Debug)]
pub struct Branch {
    hidden: Vec<Conv>,
    output: Conv,
}

impl Branch {
    fn new<const N: usize>(scope: &Scope, channels: usize, filters: [Filter; N]) -> Result<Self, Error> {
        let hidden = Conv::chain(&scope.at("hidden"), channels, filters)?;
        let channels_in = hidden.last().map_or(channels, |conv| conv.channels_out);
        let output = Conv::new(&scope.at("output"), channels_in, Filter::dense(1).linear())?;
        Ok(Self { hidden, output })
    }

    /// `[B, C, H, W]` to `[B, O, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        self.output.forward(self.hidden.iter().fold(input, |map, conv| conv.forward(map)))
    }
}

/// A head's output for P3, P4, P5, before decoding.
#[derive(Clone, Debug)]
pub struct RawMaps<M> {
    /// Distributions over the four distances, `[B, 4 * REG_MAX, H/s, W/s]` for s = 8, 16, 32.
    pub boxes: [M; 3],
    /// Class logits, `[B, classes, H/s, W/s]`.
    pub classes: [M; 3],
}

/// A box branch and a class branch per scale.
#[derive(Module, Debug)]
pub struct Branches {
    boxes: [Branch; 3],
    classes: [Branch; 3],
}

impl Branches {
    fn new(scope: &Scope, channels: [usize; 3], classes: usize) -> Result<Self, Error> {
        let box_filters = [Filter::dense(3); 2];
        let class_filters = [Filter::depthwise(3), Filter::dense(1), Filter::depthwise(3), Filter::dense(1)];
        let boxes = scope.at("boxes");
        let logits = scope.at("classes");
        let box_branch = |scale: usize| {
            let branch = Branch::new(&boxes.at(scale), channels[scale], box_filters)?;
            boxes.at(scale).at("output").expect_outputs(branch.output.channels_out, SIDES * REG_MAX)?;
            Ok::<_, Error>(branch)
        };
        let class_branch = |scale: usize| {
            let branch = Branch::new(&logits.at(scale), channels[scale], class_filters)?;
            logits.at(scale).at("output").expect_outputs(branch.output.channels_out, classes)?;
            Ok::<_, Error>(branch)
        };
        Ok(Self {
            boxes: [box_branch(0)?, box_branch(1)?, box_branch(2)?],
            classes: [class_branch(0)?, class_branch(1)?, class_branch(2)?],
        })
    }

    /// P3, P4, P5, `[B, C, H/s, W/s]` for s = 8, 16, 32, to raw maps.
    pub fn forward<M: FeatureMap>(&self, scales: [M; 3]) -> RawMaps<M> {
        let [p3, p4, p5] = scales;
        let [box3, box4, box5] = &self.boxes;
        let [class3, class4, class5] = &self.classes;
        RawMaps {
            boxes: [box3.forward(p3.clone()), box4.forward(p4.clone()), box5.forward(p5.clone())],
            classes: [class3.forward(p3), class4.forward(p4), class5.forward(p5)],
        }
    }
}

/// The dual head.
#[derive(Module, Debug)]
pub struct Head {
    /// One box per object.
    pub one_to_one: Branches,
    /// Several boxes per object, for use with NMS.
    pub one_to_many: Option<Branches>,
}

impl Head {
    pub(crate) fn new(scope: &Scope, channels: [usize; 3], classes: usize) -> Result<Self, Error> {
        scope.metadata().expect("reg_max", &[&REG_MAX.to_string()])?;
        scope.metadata().expect("strides", &[&format!("{STRIDES:?}").replace(' ', "")])?;
        let one_to_one = Branches::new(&scope.at("one_to_one"), channels, classes)?;
        let many = scope.at("one_to_many");
        let one_to_many = (!many.is_empty()).then(|| Branches::new(&many, channels, classes)).transpose()?;
        Ok(Self { one_to_one, one_to_many })
    }
}
