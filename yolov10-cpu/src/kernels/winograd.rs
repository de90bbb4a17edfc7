//! Winograd's transforms for F(4x4, 3x3): Lavin and Gray, arXiv:1509.09308.
//!
//! A 6x6 patch becomes 36 numbers per channel; 36 independent products over channels replace the convolution's
//! 9 x 16; the inverse turns 36 sums into 4x4 outputs.
//!
//! Points 0, ±1/√2, ±√2 and infinity. Whole numbers, ±1 and ±2, would lose a bit more of the precision, and bf16
//! has none to give away (compare Barabasz et al., arXiv:1803.10986, on the choice).

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::lanes::Lanes;
use super::tile::{Factors, Finish, Floats};

/// Outputs of a tile, per side.
pub(crate) const OUTPUT: usize = 4;
/// Inputs of a tile, per side, and points of the transform.
pub(crate) const PATCH: usize = 6;
pub(crate) const POINTS: usize = PATCH * PATCH;

/// Reads a patch of one block (rows `row_stride` floats apart), writes its 36 points `point_stride` floats apart;
/// both as floats or as pairs of bf16.
pub(crate) type InputTransform =
    unsafe fn(patch: *const f32, row_stride: usize, points: *mut f32, point_stride: usize);

/// The arguments of the inverse transform of one tile and block.
#[derive(Clone, Copy)]
pub(crate) struct Inverse {
    pub points: *const f32,
    pub point_stride: usize,
    pub bias: *const f32,
    pub output: *mut f32,
    pub output_row: usize,
    /// `residual_stride` is the distance between rows here.
    pub finish: Finish,
}

pub(crate) type OutputTransform = unsafe fn(&Inverse);

/// `B^T d` for six values.
#[inline(always)]
fn input_points<V: Lanes>(d: [V; PATCH]) -> [V; PATCH] {
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

/// `A^T m` for six values.
#[inline(always)]
fn outputs<V: Lanes>(m: [V; PATCH]) -> [V; OUTPUT] {
    // SAFETY: `m` proves the set.
    let constant = |value| unsafe { V::splat(value) };
    let (half, two) = (constant(0.5), constant(2.0));
    let (root_half, root_two) = (constant(FRAC_1_SQRT_2), constant(SQRT_2));
    let (sum_low, sum_high) = (m[1].add(m[2]), m[3].add(m[4]));
    // The differences times their points.
    let low = root_half.mul(m[1].sub(m[2]));
    let high = root_two.mul(m[3].sub(m[4]));
    [
        m[0].add(sum_low.add(sum_high)),
        low.add(high),
        two.mul_add(sum_high, half.mul(sum_low)),
        two.mul_add(high, half.mul_add(low, m[5])),
    ]
}

/// Values `stride` floats apart.
///
/// # Safety
/// They are there, and the machine has `V`'s set.
#[inline(always)]
unsafe fn load<V: Lanes, F: Factors<V>>(first: *const f32, stride: usize) -> [V; PATCH] {
    // SAFETY: the caller's promise.
    unsafe {
        [
            F::load(first),
            F::load(first.add(stride)),
            F::load(first.add(2 * stride)),
            F::load(first.add(3 * stride)),
            F::load(first.add(4 * stride)),
            F::load(first.add(5 * stride)),
        ]
    }
}

/// # Safety
/// As [`InputTransform`]: a whole patch is readable, 36 points are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_input<V: Lanes, I: Factors<V>, F: Factors<V>>(
    patch: *const f32,
    row_stride: usize,
    points: *mut f32,
    point_stride: usize,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let [a, b, c, d, e, f] = [
            input_points::<V>(load::<V, I>(patch, row_stride)),
            input_points(load::<V, I>(patch.add(I::BLOCK), row_stride)),
            input_points(load::<V, I>(patch.add(2 * I::BLOCK), row_stride)),
            input_points(load::<V, I>(patch.add(3 * I::BLOCK), row_stride)),
            input_points(load::<V, I>(patch.add(4 * I::BLOCK), row_stride)),
            input_points(load::<V, I>(patch.add(5 * I::BLOCK), row_stride)),
        ];
        for row in 0..PATCH {
            let transformed = input_points([a[row], b[row], c[row], d[row], e[row], f[row]]);
            for (column, value) in transformed.into_iter().enumerate() {
                F::store(value, points.add((row * PATCH + column) * point_stride));
            }
        }
    }
}

/// # Safety
/// All that `inverse` points to is there, and the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_output<V: Lanes, F: Factors<V>>(inverse: &Inverse) {
    let Inverse {
        points,
        point_stride,
        finish,
        ..
    } = *inverse;
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let row_stride = PATCH * point_stride;
        let [a, b, c, d, e, f] = [
            outputs::<V>(load::<V, Floats>(points, row_stride)),
            outputs(load::<V, Floats>(points.add(point_stride), row_stride)),
            outputs(load::<V, Floats>(points.add(2 * point_stride), row_stride)),
            outputs(load::<V, Floats>(points.add(3 * point_stride), row_stride)),
            outputs(load::<V, Floats>(points.add(4 * point_stride), row_stride)),
            outputs(load::<V, Floats>(points.add(5 * point_stride), row_stride)),
        ];
        let bias = V::load(inverse.bias);
        for row in 0..OUTPUT {
            let sums = outputs([a[row], b[row], c[row], d[row], e[row], f[row]]);
            for (column, sum) in sums.into_iter().enumerate() {
                let offset = row * finish.residual_stride + column * 16;
                let value = finish.apply(sum.add(bias), offset);
                F::store(
                    value,
                    inverse
                        .output
                        .add(row * inverse.output_row + column * F::BLOCK),
                );
            }
        }
    }
}

/// Reads the 3x3 kernels of 16 output channels tap by tap, writes their 36 points `point_stride` floats apart.
pub(crate) type KernelTransform =
    unsafe fn(taps: &[[f32; 16]; 9], points: *mut f32, point_stride: usize);

/// `G g` for three values.
#[inline(always)]
fn kernel_points<V: Lanes>([first, middle, last]: [V; 3]) -> [V; PATCH] {
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

/// # Safety
/// 36 points are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_kernel<V: Lanes>(
    taps: &[[f32; 16]; 9],
    points: *mut f32,
    point_stride: usize,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let tap = |tap: usize| V::load(taps[tap].as_ptr());
        let left = kernel_points([tap(0), tap(3), tap(6)]);
        let middle = kernel_points([tap(1), tap(4), tap(7)]);
        let right = kernel_points([tap(2), tap(5), tap(8)]);
        for row in 0..PATCH {
            let transformed = kernel_points([left[row], middle[row], right[row]]);
            for (column, value) in transformed.into_iter().enumerate() {
                value.store(points.add((row * PATCH + column) * point_stride));
            }
        }
    }
}
