//! YOLOv10: backbone, neck, head (arXiv:2405.14458). From an image to raw maps; nothing before or after.

mod backbone;
mod blocks;
mod conv;
mod feature_map;
mod head;
mod neck;
mod paths;

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use backbone::Backbone;
pub use conv::{Activation, Conv, Filter};
pub use feature_map::FeatureMap;
use head::Head;
pub use head::{REG_MAX, RawMaps, SIDES, STRIDES};
use neck::Neck;
pub(crate) use paths::ParameterPaths;

use crate::error::Error;
use crate::suppression::Assignment;
use crate::weights::{ParameterForm, Scope, Weights};

/// The network. Its parameters are read from the weight file when an engine first asks for them.
#[derive(Module, Debug)]
pub struct Network {
    backbone: Backbone,
    neck: Neck,
    head: Head,
}

impl Network {
    /// The network that `weights` describe; its parameters will be created on `device`.
    ///
    /// # Errors
    /// A tensor is missing, misshapen or unused; the error names it.
    pub fn new(weights: &Arc<Weights>, device: &Device) -> Result<Self, Error> {
        Self::with_form(weights, device, ParameterForm::default())
    }

    /// The same, with parameters in the form that an engine wants.
    pub(crate) fn with_form(weights: &Arc<Weights>, device: &Device, form: ParameterForm) -> Result<Self, Error> {
        let root = Scope::root(weights, device, form);
        let backbone = Backbone::new(&root.at("backbone"))?;
        let neck = Neck::new(&root.at("neck"), backbone.channels_out())?;
        let head = Head::new(&root.at("head"), neck.channels_out(), weights.class_names().len())?;
        let network = Self { backbone, neck, head };
        weights.expect_all_used(&ParameterPaths::of(&network).sorted())?;
        Ok(network)
    }

    /// Reads every parameter to its device now, instead of when the first picture needs it.
    pub(crate) fn read_parameters(&self) {
        struct ReadNow;
        impl ModuleVisitor for ReadNow {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                param.val();
            }
        }
        self.visit(&mut ReadNow);
    }

    /// RGB in 0..1, `[B, 3, H, W]` with H and W multiples of 32, to the one-to-one head's raw maps.
    pub fn forward<M: FeatureMap>(&self, image: M) -> RawMaps<M> {
        let scales = self.neck.forward(self.backbone.forward(image));
        self.head.one_to_one.forward(scales)
    }

    /// The same for the one-to-many head, if the weight file kept it.
    pub fn forward_one_to_many<M: FeatureMap>(&self, image: M) -> Option<RawMaps<M>> {
        let branches = self.head.one_to_many.as_ref()?;
        Some(branches.forward(self.neck.forward(self.backbone.forward(image))))
    }

    /// The same for the head of `assignment`.
    ///
    /// # Errors
    /// The weight file did not keep it.
    pub(crate) fn forward_as<M: FeatureMap>(&self, assignment: Assignment, image: M) -> Result<RawMaps<M>, Error> {
        match assignment {
            Assignment::OneToOne => Ok(self.forward(image)),
            Assignment::OneToMany(_) => self.forward_one_to_many(image).ok_or(Error::NoOneToMany),
        }
    }

    /// Checks that the weight file kept the head of `assignment`.
    pub(crate) fn expect_head(&self, assignment: Assignment) -> Result<(), Error> {
        match assignment {
            Assignment::OneToMany(_) if self.head.one_to_many.is_none() => Err(Error::NoOneToMany),
            _ => Ok(()),
        }
    }
}
