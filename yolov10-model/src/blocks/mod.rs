//! The blocks YOLOv10 is built of, after folding: batch norm lives in the convolutions' weights.

mod c2f;
mod conv;
mod psa;
mod sc_down;
mod sppf;

pub(crate) use c2f::Skip;
pub use c2f::{Bottleneck, C2f};
pub use conv::{Activation, Conv, Filter};
pub use psa::{Attention, FeedForward, Psa};
pub use sc_down::ScDown;
pub use sppf::Sppf;
