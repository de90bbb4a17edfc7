//! YOLOv10 checkpoints of PyTorch to the safetensors files of yolo10-burn, without Python.
//!
//! [`convert`] reads `.pt` files (whole modules of both lineages, training checkpoints, fused models, bare
//! state dicts) or safetensors with PyTorch's names, folds batch normalisation in f64, and names every
//! tensor as the model names its fields. A file is data here: nothing of it is executed, and what it asks
//! for is checked before memory is taken. All knowledge of PyTorch is in this crate.

mod archive;
mod blocks;
mod checkpoint;
mod coco;
mod convert;
mod error;
mod fold;
mod limits;
mod machine;
mod metadata;
mod module_tree;
mod network;
mod pickle;
mod plan;
mod rebuild;
mod tensor;
mod variant;
mod write;

pub use convert::{Converted, DType, Options, convert, convert_bytes};
pub use error::Error;
pub use metadata::Summary;
pub use write::write;
