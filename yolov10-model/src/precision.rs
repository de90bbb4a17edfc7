//! The type of the numbers that a network multiplies.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "gpu")]
use burn::tensor::{DType, Device};

use crate::error::Error;

/// The type of the numbers that a network multiplies; sums are always in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 24 bits of mantissa. Every engine has it; a GPU does without its tensor cores.
    F32,
    /// f32, rounded to 11 bits before multiplication: what a GPU's tensor cores make of f32.
    Tf32,
    /// 11 bits, and half the memory. For GPUs.
    F16,
    /// 8 bits, with the range of f32. For GPUs, and processors with AVX-512 BF16.
    Bf16,
}

impl Precision {
    /// From the most bits to the fewest.
    pub(crate) const ALL: [Self; 4] = [Self::F32, Self::Tf32, Self::F16, Self::Bf16];

    /// Those that a GPU computes in.
    #[cfg(feature = "gpu")]
    pub(crate) fn of(device: &Device) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|precision| device.supports_dtype(precision.dtype()))
    }

    /// How a GPU stores it.
    #[cfg(feature = "gpu")]
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| Error::UnknownPrecision(name.to_owned()))
    }
}
