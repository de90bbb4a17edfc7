//! Winograd's transforms for F(4x4, 3x3): Lavin and Gray, arXiv:1509.09308.
//!
//! A 6x6 patch becomes 36 numbers per channel; 36 independent products over channels replace the convolution's
//! 9 x 16; the inverse turns 36 sums into 4x4 outputs. Points 0, 1, -1, 2, -2 and infinity.

use super::lanes::Lanes;
use super::tile::Finish;

/// Outputs of a tile, per side.
pub(crate) const OUTPUT: usize = 4;
/// Inputs of a tile, per side, and points of the transform.
pub(crate) const PATCH: usize = 6;
pub(crate) const POINTS: usize = PATCH * PATCH;

/// Reads a patch of one block (rows `row_stride` floats apart), writes its 36 points `point_stride` floats apart.
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
    let [two, four, five] = unsafe { [V::splat(2.0), V::splat(4.0), V::splat(5.0)] };
    let even = four.neg_mul_add(d[2], d[4]);
    let odd = four.neg_mul_add(d[1], d[3]);
    let even_half = d[4].sub(d[2]);
    let odd_half = d[3].sub(d[1]);
    [
        four.mul_add(d[0], five.neg_mul_add(d[2], d[4])),
        even.add(odd),
        even.sub(odd),
        two.mul_add(odd_half, even_half),
        two.neg_mul_add(odd_half, even_half),
        four.mul_add(d[1], five.neg_mul_add(d[3], d[5])),
    ]
}

/// `A^T m` for six values.
#[inline(always)]
fn outputs<V: Lanes>(m: [V; PATCH]) -> [V; OUTPUT] {
    // SAFETY: `m` proves the set.
    let [two, four, eight] = unsafe { [V::splat(2.0), V::splat(4.0), V::splat(8.0)] };
    let (sum1, difference1) = (m[1].add(m[2]), m[1].sub(m[2]));
    let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
    [
        m[0].add(sum1.add(sum2)),
        two.mul_add(difference2, difference1),
        four.mul_add(sum2, sum1),
        eight.mul_add(difference2, difference1).add(m[5]),
    ]
}

/// # Safety
/// As [`InputTransform`]: a whole patch is readable, 36 points are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_input<V: Lanes>(
    patch: *const f32,
    row_stride: usize,
    points: *mut f32,
    point_stride: usize,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let mut columns = [[V::splat(0.0); PATCH]; PATCH];
        for (column, points) in columns.iter_mut().enumerate() {
            *points = input_points(std::array::from_fn(|row| {
                V::load(patch.add(row * row_stride + column * 16))
            }));
        }
        for row in 0..PATCH {
            let transformed = input_points(std::array::from_fn(|column| columns[column][row]));
            for (column, value) in transformed.into_iter().enumerate() {
                value.store(points.add((row * PATCH + column) * point_stride));
            }
        }
    }
}

/// # Safety
/// All that `inverse` points to is there, and the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_output<V: Lanes>(inverse: &Inverse) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let mut columns = [[V::splat(0.0); OUTPUT]; PATCH];
        for (column, outputs_of_column) in columns.iter_mut().enumerate() {
            *outputs_of_column = outputs(std::array::from_fn(|row| {
                V::load(
                    inverse
                        .points
                        .add((row * PATCH + column) * inverse.point_stride),
                )
            }));
        }
        let bias = V::load(inverse.bias);
        for row in 0..OUTPUT {
            let sums = outputs(std::array::from_fn(|column| columns[column][row]));
            for (column, sum) in sums.into_iter().enumerate() {
                let offset = row * inverse.finish.residual_stride + column * 16;
                let value = inverse.finish.apply(sum.add(bias), offset);
                value.store(inverse.output.add(row * inverse.output_row + column * 16));
            }
        }
    }
}
