//! Kernels: the code that computes, written once over [`Lanes`](lanes::Lanes) and compiled for each instruction set.
//!
//! Each set has a table of function pointers; `steps/` calls them and knows what they need. Nothing here knows about
//! feature maps, plans or threads.
#![allow(unsafe_code, reason = "reads and writes through pointers, calls intrinsics")]

mod bf16;
pub(crate) mod denormals;
mod depthwise;
mod lanes;
mod points;
mod portable;
mod resize;
mod rows;
mod tile;
mod winograd;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod resize_avx2;

use bf16::PairKernels;
pub(crate) use bf16::bits as bf16_bits;
use depthwise::DepthwiseKernels;
pub(crate) use depthwise::{Depthwise, RUN};
pub use resize::{Column, Row};
pub(crate) use resize::{RGB, ResizeRow};
pub(crate) use rows::{Softmax, Sum, WindowMax};
pub(crate) use tile::{Finish, Silu, Start, Tile, TileKernel};
use tile::{Floats, Tiles};
use winograd::{Halving, Side, Transforms, Unit};
pub(crate) use winograd::{InputTransform, Inverse, OUTPUT, OutputTransform, PANELS, patch};

use crate::error::Error;
use crate::isa::Isa;
use crate::layout::PAIRS;
use crate::options::Precision;

/// The kernels of one instruction set.
pub(crate) struct Kernels {
    /// For each distance between input pixels: see [`Kernels::tiles`].
    tiles: [Tiles; 4],
    depthwise: [DepthwiseKernels; 8],
    /// For stride 1 and 2.
    winograd: [Transforms; 2],
    pub sum: Sum,
    pub window_max: WindowMax,
    pub softmax: Softmax,
    resize_row: ResizeRow,
    /// For products in bf16, if requested.
    pairs: Option<&'static PairKernels>,
}

/// Sides of depthwise kernels that are compiled.
pub(crate) const DEPTHWISE_SIDES: [usize; 4] = [1, 3, 5, 7];

impl Kernels {
    /// The table of a set, if the machine has it and, for bf16, its products.
    pub fn of(isa: Isa, precision: Precision) -> Result<&'static Kernels, Error> {
        if !isa.is_available() {
            let available = Isa::available().map(|isa| isa.to_string()).collect::<Vec<_>>().join(", ");
            return Err(Error::Isa { wanted: isa, available });
        }
        Ok(match (isa, precision) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::Bf16) if bf16::is_available() => &AVX512_BF16,
            (Isa::Portable, Precision::Bf16) => &PORTABLE_BF16,
            (_, Precision::Bf16) => return Err(Error::Bf16 { isa }),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Precision::F32) => &AVX512,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Precision::F32) => &AVX2,
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon, Precision::F32) => &NEON,
            (_, Precision::F32) => &PORTABLE,
        })
    }

    fn pairs(&self) -> &'static PairKernels {
        self.pairs.expect("a plan has pairs only where they were asked for")
    }

    /// Writes the 3x3 kernels of 16 output channels of a convolution of stride 1 or 2 as the 36 panels of Winograd's
    /// transform, `panel_stride` floats apart.
    pub fn transform_kernel(&self, stride: usize, taps: &[[f32; 16]; 9], panels: &mut [f32], panel_stride: usize) {
        let last = (PANELS * PANELS - 1) * panel_stride;
        assert!(panels.len() >= last + 16, "room for all panels");
        // SAFETY: there is room, and the table comes from `of`, so the machine has its set.
        unsafe { (self.winograd[stride - 1].kernel)(taps, panels.as_mut_ptr(), panel_stride) }
    }

    /// Writes a row of a resized picture into planes of red, green and blue.
    pub fn resize_row(&self, row: &Row<'_>, columns: &[Column], planes: &mut [&mut [f32]; RGB]) {
        // SAFETY: only the set is required, and the table comes from `of`, so the machine has it.
        unsafe { (self.resize_row)(row, columns, planes) }
    }

    /// Microkernels for input pixels `block * stride` floats apart: stride 1 or 2, and block 1 (planes),
    /// 16 (blocks of channels) or 8 (such blocks in pairs of bf16).
    pub fn tiles(&self, block: usize, stride: usize) -> &Tiles {
        if block == PAIRS {
            return &self.pairs().tiles[stride - 1];
        }
        &self.tiles[usize::from(block > 1) * 2 + stride - 1]
    }

    /// Winograd's transform for stride 1 or 2 of an input in blocks of `from` floats to blocks of `to`: 16, or for stride 1
    /// also 8, for pairs of bf16.
    pub fn input_transform(&self, stride: usize, from: usize, to: usize) -> InputTransform {
        if to == PAIRS {
            assert_eq!(stride, 1, "passes.rs gives stride 2 no transform in pairs");
            return self.pairs().input_transform[usize::from(from == PAIRS)];
        }
        self.winograd[stride - 1].input
    }

    /// Winograd's transform for stride 1 or 2 to an output in blocks of 16 floats or of 8 pairs of bf16.
    pub fn output_transform(&self, stride: usize, block: usize) -> OutputTransform {
        if block == PAIRS {
            assert_eq!(stride, 1, "passes.rs gives stride 2 no transform in pairs");
            return self.pairs().output_transform;
        }
        self.winograd[stride - 1].output
    }

    /// Finishes `pixels` pixels of a block and rounds them to pairs of bf16.
    ///
    /// # Safety
    /// 16 readable floats a pixel at `input` and where `finish` has a residual, 8 writable ones at `output`.
    pub unsafe fn to_pairs(&self, input: *const f32, finish: &Finish, output: *mut f32, pixels: usize) {
        // SAFETY: the caller's promise; the table comes from `of`, so the machine has the set.
        unsafe { (self.pairs().to_pairs)(input, finish, output, pixels) }
    }

    /// Depthwise kernels: a side of [`DEPTHWISE_SIDES`], stride 1 or 2, and an output in blocks of 16 floats or of 8
    /// pairs of bf16.
    pub fn depthwise(&self, kernel: usize, stride: usize, block: usize) -> DepthwiseKernels {
        let kernels = if block == PAIRS { &self.pairs().depthwise } else { &self.depthwise };
        kernels[kernel / 2 * 2 + stride - 1]
    }
}

// A macro, because `target_feature` names its features in a literal: each generic kernel gets one wrapper
// per set, and everything below is inlined into the wrapper and compiled for that set.
macro_rules! kernels {
    ($module:ident, $lanes:ty, $resize:path, single: [$($single:literal)*], double: [$($double:literal)*]
        $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const PIXELS: usize, const BLOCKS: usize, const STEP: usize>(arguments: &Tile) {
                // SAFETY: the caller's promise; the table is used only where the set was detected.
                unsafe { super::tile::tile::<$lanes, Floats, PIXELS, BLOCKS, STEP>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise<const PIXELS: usize, const KERNEL: usize, const STRIDE: usize>(arguments: &Depthwise) {
                // SAFETY: as above.
                unsafe { super::depthwise::depthwise::<$lanes, Floats, PIXELS, KERNEL, STRIDE>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn kernel_transform<S: Side<PATCH>, const PATCH: usize>(
                taps: &[[f32; 16]; 9],
                panels: *mut f32,
                stride: usize,
            ) {
                // SAFETY: as above.
                unsafe { winograd::transform_kernel::<$lanes, S, PATCH>(taps, panels, stride) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn input_transform<S: Side<PATCH>, const PATCH: usize>(
                patch: *const f32,
                row: usize,
                points: *mut f32,
                stride: usize,
            ) {
                // SAFETY: as above.
                unsafe { winograd::transform_input::<$lanes, S, Floats, Floats, PATCH>(patch, row, points, stride) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn output_transform<S: Side<PATCH>, const PATCH: usize>(arguments: &Inverse) {
                // SAFETY: as above.
                unsafe { winograd::transform_output::<$lanes, S, Floats, PATCH>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn sum(left: *const f32, right: *const f32, output: *mut f32, pixels: usize) {
                // SAFETY: as above.
                unsafe { rows::sum::<$lanes>(left, right, output, pixels) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn window_max(input: *const f32, step: usize, window: usize, output: *mut f32, pixels: usize) {
                // SAFETY: as above.
                unsafe { rows::window_max::<$lanes>(input, step, window, output, pixels) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn softmax(scores: *mut f32, stride: usize, count: usize, scale: f32) {
                // SAFETY: as above.
                unsafe { rows::softmax::<$lanes>(scores, stride, count, scale) }
            }

            const fn tiles<const STEP: usize>() -> Tiles {
                Tiles {
                    single: &[$(tile::<$single, 1, STEP>),*],
                    double: &[$(tile::<$double, 2, STEP>),*],
                }
            }

            const fn depthwise_kernels<const KERNEL: usize, const STRIDE: usize>() -> DepthwiseKernels {
                DepthwiseKernels { run: depthwise::<RUN, KERNEL, STRIDE>, single: depthwise::<1, KERNEL, STRIDE> }
            }

            const fn transforms<S: Side<PATCH>, const PATCH: usize>() -> Transforms {
                Transforms {
                    kernel: kernel_transform::<S, PATCH>,
                    input: input_transform::<S, PATCH>,
                    output: output_transform::<S, PATCH>,
                }
            }

            pub(super) const TABLE: Kernels = Kernels {
                tiles: [tiles::<1>(), tiles::<2>(), tiles::<16>(), tiles::<32>()],
                depthwise: [
                    depthwise_kernels::<1, 1>(),
                    depthwise_kernels::<1, 2>(),
                    depthwise_kernels::<3, 1>(),
                    depthwise_kernels::<3, 2>(),
                    depthwise_kernels::<5, 1>(),
                    depthwise_kernels::<5, 2>(),
                    depthwise_kernels::<7, 1>(),
                    depthwise_kernels::<7, 2>(),
                ],
                winograd: [transforms::<Unit, { patch(1) }>(), transforms::<Halving, { patch(2) }>()],
                sum,
                window_max,
                softmax,
                resize_row: $resize,
                pairs: None,
            };
        }
    };
}

// Tile sizes: the accumulators, the weights and one broadcast input fill the registers.
#[cfg(target_arch = "x86_64")]
kernels!(avx512_table, avx512::Avx512, resize_avx2::resize_row,
    single: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20], double: [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(avx2_table, avx2::Avx2, resize_avx2::resize_row, single: [1 2 3 4 5 6], double: [], "avx2,fma");
#[cfg(target_arch = "aarch64")]
kernels!(neon_table, neon::Neon, resize::resize_row, single: [1 2 3 4 5 6], double: [], "neon");
kernels!(portable_table, portable::Portable, resize::resize_row, single: [1 2], double: []);

#[cfg(target_arch = "x86_64")]
static AVX512: Kernels = avx512_table::TABLE;
#[cfg(target_arch = "x86_64")]
static AVX512_BF16: Kernels = Kernels { pairs: Some(&bf16::AVX512), ..avx512_table::TABLE };
#[cfg(target_arch = "x86_64")]
static AVX2: Kernels = avx2_table::TABLE;
#[cfg(target_arch = "aarch64")]
static NEON: Kernels = neon_table::TABLE;
static PORTABLE: Kernels = portable_table::TABLE;
static PORTABLE_BF16: Kernels = Kernels { pairs: Some(&bf16::PORTABLE), ..portable_table::TABLE };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_another_architecture_is_refused_by_name() {
        let foreign = if cfg!(target_arch = "aarch64") { Isa::Avx2 } else { Isa::Neon };
        let message = Kernels::of(foreign, Precision::F32).err().unwrap().to_string();
        assert!(message.starts_with(&format!("instruction set {foreign}: this machine has")), "{message}");
        assert!(message.ends_with("portable"), "{message}");
    }
}
