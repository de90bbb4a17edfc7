//! Products in bf16: two channels at a time, summed up in f32. Needs AVX-512 with its bf16 extension.
//!
//! A pixel of 16 channels is 8 pairs, each as wide as a float; a row of weights holds a pair of inputs for each
//! output. So the microkernel of `tile.rs` fits as it is: only its product differs.

use std::arch::x86_64::*;

use super::avx512::Avx512;
use super::tile::{Product, Tile, tile};
use super::{PairKernels, Tiles};

/// The table, if the machine has the extension.
pub(super) fn kernels() -> Option<&'static PairKernels> {
    let available = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bf16");
    available.then_some(&TABLE)
}

struct PairProduct;

impl Product<Avx512> for PairProduct {
    #[inline(always)]
    fn add_to(sum: Avx512, value: Avx512, weights: Avx512) -> Avx512 {
        // SAFETY: the bits of the operands are pairs, and `kernels` saw the extension before this table went out.
        unsafe {
            let [value, weights] =
                [value.0, weights.0].map(|pairs| std::mem::transmute::<__m512, __m512bh>(pairs));
            Avx512(_mm512_dpbf16_ps(sum.0, value, weights))
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pair_tile<const PIXELS: usize, const BLOCKS: usize, const STEP: usize>(arguments: &Tile) {
    // SAFETY: the caller's promise.
    unsafe { tile::<Avx512, PairProduct, PIXELS, BLOCKS, STEP>(arguments) }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn to_pairs(input: *const f32, output: *mut f32, pixels: usize) {
    for pixel in 0..pixels {
        // SAFETY: the caller's promise: so many pixels at both.
        unsafe {
            let pairs = _mm512_cvtneps_pbh(_mm512_loadu_ps(input.add(pixel * 16)));
            let pairs = std::mem::transmute::<__m256bh, __m256i>(pairs);
            _mm256_storeu_si256(output.add(pixel * 8).cast(), pairs);
        }
    }
}

macro_rules! pair_tiles {
    ($step:literal, [$($single:literal)*], [$($double:literal)*]) => {
        Tiles {
            single: &[$(pair_tile::<$single, 1, $step>),*],
            double: &[$(pair_tile::<$double, 2, $step>),*],
        }
    };
}

static TABLE: PairKernels = PairKernels {
    tiles: [
        pair_tiles!(8, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20], [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
        pair_tiles!(16, [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20], [1 2 3 4 5 6 7 8 9 10 11 12 13 14]),
    ],
    to_pairs,
};
