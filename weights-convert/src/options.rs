//! How a checkpoint is converted.

/// How to convert a checkpoint. A file that is already converted is passed through unchanged, except for `names`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The type in which the weights are stored.
    pub dtype: DType,
    /// Which of the dual heads are kept.
    pub heads: Heads,
    /// Names of the classes, one for each, instead of the checkpoint's own.
    pub names: Option<Vec<String>>,
}

/// An element type of converted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "command", derive(clap::ValueEnum))]
pub enum DType {
    /// 32 bits, the default.
    #[default]
    F32,
    /// 16 bits; a weight beyond its range is an error.
    F16,
}

impl DType {
    /// `f32` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            DType::F32 => size_of::<f32>(),
            DType::F16 => size_of::<half::f16>(),
        }
    }
}

/// Which of YOLOv10's dual heads a converted file has (arXiv:2405.14458 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heads {
    /// Both, if the checkpoint has both: fusing may have dropped the one-to-many head.
    #[default]
    Both,
    /// The one that needs no non-maximum suppression.
    OneToOne,
}
