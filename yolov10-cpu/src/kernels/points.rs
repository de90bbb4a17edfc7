//! One side of Winograd's transforms, for the 3x3 convolutions of both strides. A side has four outputs; its inputs
//! become numbers at points, and so do the kernel's three taps, as six panels.
//!
//! Of the many points that were tried, these lose the least to rounding (for the choice, compare Barabasz et al.,
//! arXiv:1803.10986); for stride 1 also in bf16, which has no digits to spare.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::lanes::Lanes;

/// Outputs of a side.
pub(crate) const OUTPUT: usize = 4;
/// Panels of a side: each is the kernel at one point, the last one at all remaining points.
pub(crate) const PANELS: usize = 6;

/// The transform of a stride, whose side has `PATCH` inputs and points.
pub(super) trait Side<const PATCH: usize> {
    /// `B^T d`.
    fn inputs<V: Lanes>(values: [V; PATCH]) -> [V; PATCH];

    /// `G g`.
    fn panels<V: Lanes>(taps: [V; 3]) -> [V; PANELS];

    /// `A^T m`.
    fn outputs<V: Lanes>(sums: [V; PATCH]) -> [V; OUTPUT];
}

/// Stride 1: F(4, 3) with points 0, ±1/√2, ±√2 and infinity. 6 products instead of 12.
pub(super) struct Unit;

impl Side<6> for Unit {
    #[inline(always)]
    fn inputs<V: Lanes>(d: [V; 6]) -> [V; 6] {
        // SAFETY: `d` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (half, two, sum) = (constant(0.5), constant(2.0), constant(2.5));
        let (root_half, root_two) = (constant(FRAC_1_SQRT_2), constant(SQRT_2));
        let (even_low, odd_low) = (two.neg_mul_add(d[2], d[4]), two.neg_mul_add(d[1], d[3]));
        let (even_high, odd_high) = (half.neg_mul_add(d[2], d[4]), half.neg_mul_add(d[1], d[3]));
        [
            sum.neg_mul_add(d[2], d[0].add(d[4])),
            root_half.mul_add(odd_low, even_low),
            root_half.neg_mul_add(odd_low, even_low),
            root_two.mul_add(odd_high, even_high),
            root_two.neg_mul_add(odd_high, even_high),
            sum.neg_mul_add(d[3], d[1].add(d[5])),
        ]
    }

    #[inline(always)]
    fn panels<V: Lanes>([first, middle, last]: [V; 3]) -> [V; PANELS] {
        // SAFETY: `first` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (half, two) = (constant(0.5), constant(2.0));
        let (root_half, root_two) = (constant(FRAC_1_SQRT_2), constant(SQRT_2));
        let (scale_low, scale_high) = (constant(-2.0 / 3.0), constant(1.0 / 6.0));
        let (low, high) = (half.mul_add(last, first), two.mul_add(last, first));
        [
            first,
            scale_low.mul(root_half.mul_add(middle, low)),
            scale_low.mul(root_half.neg_mul_add(middle, low)),
            scale_high.mul(root_two.mul_add(middle, high)),
            scale_high.mul(root_two.neg_mul_add(middle, high)),
            last,
        ]
    }

    #[inline(always)]
    fn outputs<V: Lanes>(m: [V; 6]) -> [V; OUTPUT] {
        // SAFETY: `m` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (half, two) = (constant(0.5), constant(2.0));
        let (root_half, root_two) = (constant(FRAC_1_SQRT_2), constant(SQRT_2));
        let (sum_low, sum_high) = (m[1].add(m[2]), m[3].add(m[4]));
        // The differences, multiplied by their points.
        let low = root_half.mul(m[1].sub(m[2]));
        let high = root_two.mul(m[3].sub(m[4]));
        [
            m[0].add(sum_low.add(sum_high)),
            low.add(high),
            two.mul_add(sum_high, half.mul(sum_low)),
            two.mul_add(high, half.mul_add(low, m[5])),
        ]
    }
}

/// Stride 2. The outer taps meet the even inputs only: F(4, 2) with points ±3/8, ±5/4 and infinity. The middle tap
/// meets the odd ones, which are points already and share a panel. 9 products instead of 12.
pub(super) struct Halving;

/// The points.
const LOW: f32 = 0.375;
const HIGH: f32 = 1.25;

impl Side<9> for Halving {
    #[inline(always)]
    fn inputs<V: Lanes>(d: [V; 9]) -> [V; 9] {
        // SAFETY: `d` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (low, high) = (constant(LOW), constant(HIGH));
        let (low_square, high_square) = (constant(LOW * LOW), constant(HIGH * HIGH));
        let (sum, product) = (constant(LOW * LOW + HIGH * HIGH), constant(LOW * LOW * HIGH * HIGH));
        let even_low = high_square.neg_mul_add(d[0], d[4]);
        let odd_low = high_square.neg_mul_add(d[2], d[6]);
        let even_high = low_square.neg_mul_add(d[0], d[4]);
        let odd_high = low_square.neg_mul_add(d[2], d[6]);
        [
            low.mul_add(even_low, odd_low),
            low.neg_mul_add(even_low, odd_low),
            high.mul_add(even_high, odd_high),
            high.neg_mul_add(even_high, odd_high),
            product.mul_add(d[0], sum.neg_mul_add(d[4], d[8])),
            d[1],
            d[3],
            d[5],
            d[7],
        ]
    }

    #[inline(always)]
    fn panels<V: Lanes>([first, middle, last]: [V; 3]) -> [V; PANELS] {
        // SAFETY: `first` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (low, high) = (constant(LOW), constant(HIGH));
        let difference = HIGH * HIGH - LOW * LOW;
        let scale_low = constant(-0.5 / (LOW * difference));
        let scale_high = constant(0.5 / (HIGH * difference));
        [
            scale_low.mul(low.mul_add(last, first)),
            scale_low.mul(low.mul(last).sub(first)),
            scale_high.mul(high.mul_add(last, first)),
            scale_high.mul(high.mul(last).sub(first)),
            last,
            middle,
        ]
    }

    #[inline(always)]
    fn outputs<V: Lanes>(m: [V; 9]) -> [V; OUTPUT] {
        // SAFETY: `m` proves the set.
        let constant = |value| unsafe { V::splat(value) };
        let (low_square, high_square) = (constant(LOW * LOW), constant(HIGH * HIGH));
        let (sum_low, sum_high) = (m[0].add(m[1]), m[2].add(m[3]));
        // The differences, multiplied by their points.
        let low = constant(LOW).mul(m[0].sub(m[1]));
        let high = constant(HIGH).mul(m[2].sub(m[3]));
        [
            sum_low.add(sum_high).add(m[5]),
            low.add(high).add(m[6]),
            high_square.mul_add(sum_high, low_square.mul_add(sum_low, m[7])),
            high_square.mul_add(high, low_square.mul_add(low, m[4].add(m[8]))),
        ]
    }
}
