//! The engines: how the network runs. Nothing here knows what YOLOv10 looks like.

#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod inventory;
mod native;
mod place;
mod tensors;
mod witness;

pub use inventory::{Inventory, Step};
pub use native::NativeEngine;
pub use tensors::TensorEngine;
pub(crate) use witness::Witness;
