//! The blocks that YOLOv10 is built of, after folding: batch norms are part of the convolutions' weights.

mod attention;
mod bottleneck;
mod c2f;
mod psa;
mod sc_down;
mod sppf;

pub use c2f::{C2f, Skip};
pub use psa::Psa;
pub use sc_down::ScDown;
pub use sppf::Sppf;
