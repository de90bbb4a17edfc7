//! YOLOv10: backbone, neck, head (arXiv:2405.14458). From an image to raw maps, nothing before or after.

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use crate::error::Error;
use crate::scope::{Form, Scope};
use crate::suppression::Assignment;
use crate::weights::Weights;

pub use crate::backbone::Backbone;
pub use crate::blocks::{Activation, Attention, Bottleneck, C2f, Conv, FeedForward, Filter, Psa, ScDown, Sppf};
pub use crate::decode::Decoder;
#[cfg(feature = "gpu")]
pub use crate::engine::gpu::{ChannelsLast, GpuEngine};
pub use crate::engine::{NativeEngine, TensorEngine};
pub use crate::feature_map::FeatureMap;
pub use crate::head::{Branch, Branches, Head, REG_MAX, RawMaps, SIDES};
pub use crate::neck::Neck;
pub use yolov10_cpu::MapView;

/// The network. Its parameters are read from the weight file when an engine first asks for them.
#[derive(Module, Debug)]
pub struct Network {
    backbone: Backbone,
    neck: Neck,
    head: Head,
}

impl Network {
    /// The network that `weights` describe, its parameters to be made on `device`.
    ///
    /// # Errors
    /// Strict: a missing, misshaped or unused tensor is named.
    pub fn new(weights: &Arc<Weights>, device: &Device) -> Result<Self, Error> {
        Self::with_form(weights, device, Form::default())
    }

    /// The same with parameters in the form that an engine wants.
    pub(crate) fn with_form(weights: &Arc<Weights>, device: &Device, form: Form) -> Result<Self, Error> {
        let root = Scope::root(weights, device, form);
        let backbone = Backbone::new(&root.at("backbone"), weights.facts().sppf_activation)?;
        let neck = Neck::new(&root.at("neck"), backbone.channels_out())?;
        let head = Head::new(&root.at("head"), neck.channels_out(), weights.class_names().len())?;
        let network = Self { backbone, neck, head };
        weights.expect_all_used(&network)?;
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

    /// The raw maps of the head of `assignment`.
    ///
    /// # Errors
    /// The weight file did not keep it.
    pub(crate) fn forward_as<M: FeatureMap>(&self, assignment: Assignment, image: M) -> Result<RawMaps<M>, Error> {
        match assignment {
            Assignment::OneToOne => Ok(self.forward(image)),
            Assignment::OneToMany(_) => self.forward_one_to_many(image).ok_or(Error::NoOneToMany),
        }
    }

    /// The weight file kept the head of `assignment`.
    pub(crate) fn expect_head(&self, assignment: Assignment) -> Result<(), Error> {
        match assignment {
            Assignment::OneToMany(_) if self.head.one_to_many.is_none() => Err(Error::NoOneToMany),
            _ => Ok(()),
        }
    }

    /// The same for the one-to-many head, where the weight file kept it.
    pub fn forward_one_to_many<M: FeatureMap>(&self, image: M) -> Option<RawMaps<M>> {
        let branches = self.head.one_to_many.as_ref()?;
        Some(branches.forward(self.neck.forward(self.backbone.forward(image))))
    }
}
