//! Products in bf16: two channels at a time, summed in f32. An extension of AVX-512 has them; plain Rust imitates them, so
//! that the same steps are tested on every machine.
//!
//! A pixel of 16 channels is 8 pairs, each as wide as a float; a row of weights holds a pair of inputs for each output. So
//! the microkernel of `tile.rs` and Winograd's transforms can be used unchanged, with other factors.

use super::depthwise::{Depthwise, DepthwiseKernels, RUN};
use super::lanes::Lanes;
use super::portable::Portable;
use super::tile::{Factors, Finish, Floats, Tile, Tiles, tile};
use super::winograd::{self, InputTransform, Inverse, OutputTransform, Unit};

#[cfg(target_arch = "x86_64")]
use {super::avx512::Avx512, std::arch::x86_64::*};

/// The kernels for products in bf16.
pub(super) struct PairKernels {
    /// For stride 1 and 2.
    pub tiles: [Tiles; 2],
    /// Finishes `pixels` pixels of a block of floats and rounds them to pairs.
    pub to_pairs: ToPairs,
    /// Winograd's for stride 1, for an input in floats and in pairs.
    pub input_transform: [InputTransform; 2],
    pub output_transform: OutputTransform,
    pub depthwise: [DepthwiseKernels; 8],
}

pub(super) type ToPairs = unsafe fn(input: *const f32, finish: &Finish, output: *mut f32, pixels: usize);

/// The nearest bf16, ties to even: the upper half of the float's bits.
pub(crate) fn bits(value: f32) -> u32 {
    let bits = value.to_bits();
    bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16
}

/// Pairs of channels: the even one in the lower half.
struct Pairs;

impl Factors<Portable> for Pairs {
    const BLOCK: usize = 8;

    #[inline(always)]
    fn add_product(sum: Portable, value: Portable, weights: Portable) -> Portable {
        let even = |pairs: Portable| pairs.map(|pair| f32::from_bits(pair.to_bits() << 16));
        let odd = |pairs: Portable| pairs.map(|pair| f32::from_bits(pair.to_bits() >> 16 << 16));
        let sum = odd(value).mul_add(odd(weights), sum);
        even(value).mul_add(even(weights), sum)
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Portable {
        let mut channels = [0.0; 16];
        for (index, pair) in channels.chunks_exact_mut(2).enumerate() {
            // SAFETY: the caller's promise: 8 pairs.
            let bits = unsafe { *source.add(index) }.to_bits();
            pair.copy_from_slice(&[f32::from_bits(bits << 16), f32::from_bits(bits >> 16 << 16)]);
        }
        // SAFETY: the array has 16 floats.
        unsafe { Portable::load(channels.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(channels: Portable, target: *mut f32) {
        for (index, pair) in channels.to_array().chunks_exact(2).enumerate() {
            let pair = f32::from_bits(bits(pair[0]) | bits(pair[1]) << 16);
            // SAFETY: the caller's promise: room for 8 pairs.
            unsafe { *target.add(index) = pair }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Factors<Avx512> for Pairs {
    const BLOCK: usize = 8;

    #[inline(always)]
    fn add_product(sum: Avx512, value: Avx512, weights: Avx512) -> Avx512 {
        // SAFETY: the bits of the operands are pairs, and the extension was detected before the table was handed out.
        unsafe {
            let [value, weights] = [value.0, weights.0].map(|pairs| std::mem::transmute::<__m512, __m512bh>(pairs));
            Avx512(_mm512_dpbf16_ps(sum.0, value, weights))
        }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Avx512 {
        // SAFETY: the caller's promise: 8 pairs.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(source.cast()));
            Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves)))
        }
    }

    #[inline(always)]
    unsafe fn store(channels: Avx512, target: *mut f32) {
        // SAFETY: the caller's promise: room for 8 pairs; as above.
        unsafe {
            let pairs = _mm512_cvtneps_pbh(channels.0);
            _mm256_storeu_si256(target.cast(), std::mem::transmute::<__m256bh, __m256i>(pairs));
        }
    }
}

// A macro for the same reason as the one in `mod.rs`.
macro_rules! pair_kernels {
    ($table:ident, $module:ident, $lanes:ty, single: [$($single:literal)*], double: [$($double:literal)*] $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn pair_tile<const PIXELS: usize, const BLOCKS: usize, const STEP: usize>(arguments: &Tile) {
                // SAFETY: the caller's promise; the table is used only where the set was detected.
                unsafe { tile::<$lanes, Pairs, PIXELS, BLOCKS, STEP>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn to_pairs(input: *const f32, finish: &Finish, output: *mut f32, pixels: usize) {
                for pixel in 0..pixels {
                    // SAFETY: as above.
                    unsafe {
                        let value = <$lanes>::load(input.add(pixel * 16));
                        Pairs::store(finish.apply(value, pixel * 16), output.add(pixel * 8));
                    }
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn input_transform<I: Factors<$lanes>>(
                patch: *const f32,
                row: usize,
                points: *mut f32,
                stride: usize,
            ) {
                // SAFETY: as above.
                unsafe { winograd::transform_input::<$lanes, Unit, I, Pairs, { winograd::patch(1) }>(patch, row, points, stride) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn output_transform(arguments: &Inverse) {
                // SAFETY: as above.
                unsafe { winograd::transform_output::<$lanes, Unit, Pairs, { winograd::patch(1) }>(arguments) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise<const PIXELS: usize, const KERNEL: usize, const STRIDE: usize>(arguments: &Depthwise) {
                // SAFETY: as above.
                unsafe { super::super::depthwise::depthwise::<$lanes, Pairs, PIXELS, KERNEL, STRIDE>(arguments) }
            }

            const fn depthwise_kernels<const KERNEL: usize, const STRIDE: usize>() -> DepthwiseKernels {
                DepthwiseKernels { run: depthwise::<RUN, KERNEL, STRIDE>, single: depthwise::<1, KERNEL, STRIDE> }
            }

            const fn tiles<const STEP: usize>() -> Tiles {
                Tiles { single: &[$(pair_tile::<$single, 1, STEP>),*], double: &[$(pair_tile::<$double, 2, STEP>),*] }
            }

            pub static TABLE: PairKernels =
                PairKernels {
                    tiles: [tiles::<8>(), tiles::<16>()],
                    to_pairs,
                    input_transform: [input_transform::<Floats>, input_transform::<Pairs>],
                    output_transform,
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
                };
        }
        pub(super) use $module::TABLE as $table;
    };
}

#[cfg(target_arch = "x86_64")]
pair_kernels!(AVX512, avx512_table, Avx512,
    single: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20], double: [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    "avx512f,avx512bf16");
pair_kernels!(PORTABLE, portable_table, Portable, single: [1 2], double: []);

/// Whether the machine has the extension.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_to_the_nearest_and_to_even_from_the_middle() {
        for (value, expected) in [
            (1.0, 0x3F80),
            (-2.0, 0xC000),
            (1.0 + 1.0 / 256.0, 0x3F80),
            (1.0 + 3.0 / 256.0, 0x3F82),
            (1.0 + 1.01 / 256.0, 0x3F81),
            (3.0e38, 0x7F62),
            (f32::MAX, 0x7F80),
        ] {
            assert_eq!(bits(value), expected, "{value}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_imitation_rounds_as_the_extension() {
        if !is_available() {
            return; // Nothing to test on this machine.
        }
        let input: Vec<f32> = (0..16 * 50).map(|index| (index as f32 * 0.37).sin() * 1e3).collect();
        let pairs = |table: &PairKernels| {
            let mut pairs = vec![0.0f32; input.len() / 2];
            // SAFETY: 50 pixels at both; the machine has the set.
            unsafe { (table.to_pairs)(input.as_ptr(), &Finish::NOTHING, pairs.as_mut_ptr(), 50) };
            pairs.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(pairs(&AVX512), pairs(&PORTABLE));
    }
}
