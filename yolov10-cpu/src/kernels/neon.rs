//! NEON (aarch64): sixteen floats are four registers.

use std::arch::aarch64::*;

use super::lanes::Lanes;

#[derive(Clone, Copy)]
pub(crate) struct Neon([float32x4_t; 4]);

/// `value * 2^exponent`: the exponent's integer goes straight into a float's exponent bits.
#[inline]
#[target_feature(enable = "neon")]
fn scale(value: float32x4_t, exponent: float32x4_t) -> float32x4_t {
    let exponent = vmaxq_f32(exponent, vdupq_n_f32(-126.0));
    let biased = vaddq_s32(vcvtq_s32_f32(exponent), vdupq_n_s32(127));
    vmulq_f32(value, vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
}

impl Lanes for Neon {
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Neon([
                vld1q_f32(source.add(0)),
                vld1q_f32(source.add(4)),
                vld1q_f32(source.add(8)),
                vld1q_f32(source.add(12)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Neon([vdupq_n_f32(value); 4]) }
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller's promise; `self` proves the set.
        unsafe {
            for (index, part) in self.0.into_iter().enumerate() {
                vst1q_f32(target.add(4 * index), part);
            }
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vaddq_f32(self.0[0], other.0[0]),
                vaddq_f32(self.0[1], other.0[1]),
                vaddq_f32(self.0[2], other.0[2]),
                vaddq_f32(self.0[3], other.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vsubq_f32(self.0[0], other.0[0]),
                vsubq_f32(self.0[1], other.0[1]),
                vsubq_f32(self.0[2], other.0[2]),
                vsubq_f32(self.0[3], other.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vmulq_f32(self.0[0], other.0[0]),
                vmulq_f32(self.0[1], other.0[1]),
                vmulq_f32(self.0[2], other.0[2]),
                vmulq_f32(self.0[3], other.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vmaxq_f32(self.0[0], other.0[0]),
                vmaxq_f32(self.0[1], other.0[1]),
                vmaxq_f32(self.0[2], other.0[2]),
                vmaxq_f32(self.0[3], other.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vminq_f32(self.0[0], other.0[0]),
                vminq_f32(self.0[1], other.0[1]),
                vminq_f32(self.0[2], other.0[2]),
                vminq_f32(self.0[3], other.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vfmaq_f32(term.0[0], self.0[0], factor.0[0]),
                vfmaq_f32(term.0[1], self.0[1], factor.0[1]),
                vfmaq_f32(term.0[2], self.0[2], factor.0[2]),
                vfmaq_f32(term.0[3], self.0[3], factor.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vfmsq_f32(term.0[0], self.0[0], factor.0[0]),
                vfmsq_f32(term.0[1], self.0[1], factor.0[1]),
                vfmsq_f32(term.0[2], self.0[2], factor.0[2]),
                vfmsq_f32(term.0[3], self.0[3], factor.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe { Neon([vrndnq_f32(self.0[0]), vrndnq_f32(self.0[1]), vrndnq_f32(self.0[2]), vrndnq_f32(self.0[3])]) }
    }

    #[inline(always)]
    fn scale(self, exponent: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                scale(self.0[0], exponent.0[0]),
                scale(self.0[1], exponent.0[1]),
                scale(self.0[2], exponent.0[2]),
                scale(self.0[3], exponent.0[3]),
            ])
        }
    }

    #[inline(always)]
    fn div(self, divisor: Self) -> Self {
        // SAFETY: `self` proves the set.
        unsafe {
            Neon([
                vdivq_f32(self.0[0], divisor.0[0]),
                vdivq_f32(self.0[1], divisor.0[1]),
                vdivq_f32(self.0[2], divisor.0[2]),
                vdivq_f32(self.0[3], divisor.0[3]),
            ])
        }
    }
}
