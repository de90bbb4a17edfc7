//! AVX2 and FMA: sixteen floats are two registers.

use std::arch::x86_64::*;

use super::lanes::Lanes;

#[derive(Clone, Copy)]
pub(crate) struct Avx2([__m256; 2]);

/// `value * 2^exponent`: the exponent's integer goes straight into a float's exponent bits.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn scale(value: __m256, exponent: __m256) -> __m256 {
    let exponent = _mm256_max_ps(exponent, _mm256_set1_ps(-126.0));
    let biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
    _mm256_mul_ps(value, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
}

impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Avx2([_mm256_loadu_ps(source), _mm256_loadu_ps(source.add(8))]) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Avx2([_mm256_set1_ps(value); 2]) }
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller's promise; `self` proves the set.
        unsafe {
            _mm256_storeu_ps(target, self.0[0]);
            _mm256_storeu_ps(target.add(8), self.0[1]);
        }
    }

    #[inline(always)]
    fn fetch_ahead(address: *const f32) {
        // SAFETY: reads nothing, so that any address will do; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_add_ps(self.0[0], other.0[0]), _mm256_add_ps(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_sub_ps(self.0[0], other.0[0]), _mm256_sub_ps(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_mul_ps(self.0[0], other.0[0]), _mm256_mul_ps(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_max_ps(self.0[0], other.0[0]), _mm256_max_ps(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_min_ps(self.0[0], other.0[0]), _mm256_min_ps(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Avx2([
                _mm256_fmadd_ps(self.0[0], factor.0[0], term.0[0]),
                _mm256_fmadd_ps(self.0[1], factor.0[1], term.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Avx2([
                _mm256_fnmadd_ps(self.0[0], factor.0[0], term.0[0]),
                _mm256_fnmadd_ps(self.0[1], factor.0[1], term.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_round_ps::<0>(self.0[0]), _mm256_round_ps::<0>(self.0[1])]) }
    }

    #[inline(always)]
    fn scale(self, exponent: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([scale(self.0[0], exponent.0[0]), scale(self.0[1], exponent.0[1])]) }
    }

    #[inline(always)]
    fn div(self, divisor: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Avx2([_mm256_div_ps(self.0[0], divisor.0[0]), _mm256_div_ps(self.0[1], divisor.0[1])]) }
    }
}
