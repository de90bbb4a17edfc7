//! Plain Rust for machines without one of the other sets: loops over sixteen floats that the compiler vectorises.

use super::lanes::Lanes;

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 16]);

/// 1.5 * 2^23: added to a small float it leaves the float's nearest integer in the low bits of the mantissa.
/// `f32::round_ties_even` would be a call into the C library on a baseline x86-64.
const ROUNDER: f32 = 12_582_912.0;
const EXPONENT_BIAS: u32 = 127 << 23;

impl Portable {
    #[inline(always)]
    pub(super) fn map(self, operation: impl Fn(f32) -> f32) -> Self {
        Portable(self.0.map(operation))
    }

    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        Portable(std::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Portable {
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of floats is aligned as a float.
        unsafe { Portable(*source.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Portable([value; 16])
    }

    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller's promise; an array of floats is aligned as a float.
        unsafe { *target.cast() = self.0 }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    // Not `f32::mul_add`: without a fused instruction that is a slow call.
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Portable(std::array::from_fn(|lane| self.0[lane] * factor.0[lane] + term.0[lane]))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        Portable(std::array::from_fn(|lane| term.0[lane] - self.0[lane] * factor.0[lane]))
    }

    #[inline(always)]
    fn round(self) -> Self {
        self.map(|value| (value + ROUNDER) - ROUNDER)
    }

    #[inline(always)]
    fn scale(self, exponent: Self) -> Self {
        self.zip(exponent, |value, exponent| {
            let exponent = if exponent > -126.0 { exponent } else { -126.0 };
            let bits = (exponent + ROUNDER).to_bits() << 23;
            value * f32::from_bits(bits.wrapping_add(EXPONENT_BIAS))
        })
    }

    #[inline(always)]
    fn div(self, divisor: Self) -> Self {
        self.zip(divisor, |value, divisor| value / divisor)
    }
}
