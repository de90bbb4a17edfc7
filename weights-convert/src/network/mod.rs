//! YOLOv10 as its weights show it: the table of layers, the blocks' names on both sides, and the walk that compares every
//! tensor's shape with what the graph feeds it.

mod blocks;
mod convolution;
mod graph;
mod layers;
mod plan;
mod variant;
mod walk;

pub(crate) use convolution::{Branch, Convolution};
pub(crate) use graph::plan;
pub(crate) use layers::{BOX_DISTRIBUTION, REG_MAX, STRIDES};
pub(crate) use plan::Plan;
pub(crate) use variant::infer as variant;
