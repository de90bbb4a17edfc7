//! The engines: how the network runs. Nothing here knows what YOLOv10 looks like.

mod inventory;
mod native;
mod tensors;

pub use inventory::{Inventory, Step};
pub use native::NativeEngine;
pub use tensors::TensorEngine;
