//! The network, its engines and both halves of decoding, for this project's own tests and benchmarks. Nothing here is
//! stable.

pub use crate::anchors::Anchors;
pub use crate::decode::Decoder;
#[cfg(feature = "gpu")]
pub use crate::engine::{ChannelsLast, GpuEngine};
pub use crate::engine::{NativeEngine, TensorEngine};
pub use crate::network::{Conv, FeatureMap, Network, RawMaps};
pub use yolov10_cpu::{InputRows, MapView};
