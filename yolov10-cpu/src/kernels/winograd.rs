//! Winograd's transforms for 3x3 convolutions: F(4x4, 3x3) of Lavin and Gray, arXiv:1509.09308; for stride 2, even and odd
//! inputs are treated separately.
//!
//! A patch becomes as many numbers per channel as it has pixels, and the kernel becomes 36 panels. Independent products over
//! channels, 36 for stride 1 and 81 for stride 2, replace the 9 x 16 of the convolution; the inverse turns their sums into
//! 4x4 outputs. `points.rs` has the transforms of one side.

use super::lanes::Lanes;
pub(super) use super::points::{Halving, Side, Unit};
pub(crate) use super::points::{OUTPUT, PANELS};
use super::tile::{Factors, Finish, Floats};

/// Inputs of a tile, per side, and points.
pub(crate) const fn patch(stride: usize) -> usize {
    (OUTPUT - 1) * stride + 3
}

/// Reads a patch of one block (rows `row_stride` floats apart), writes its points `point_stride` floats apart, row by
/// row; both as floats or as pairs of bf16.
pub(crate) type InputTransform = unsafe fn(patch: *const f32, row_stride: usize, points: *mut f32, point_stride: usize);

/// Reads the 3x3 kernels of 16 output channels tap by tap, writes their 36 panels `panel_stride` floats apart.
pub(crate) type KernelTransform = unsafe fn(taps: &[[f32; 16]; 9], panels: *mut f32, panel_stride: usize);

/// The arguments of the inverse transform of one tile and block.
#[derive(Clone, Copy)]
pub(crate) struct Inverse {
    pub sums: *const f32,
    /// From one point's sums to the next.
    pub point_stride: usize,
    pub bias: *const f32,
    pub output: *mut f32,
    pub output_row: usize,
    /// `residual_stride` is the distance between rows here.
    pub finish: Finish,
}

pub(crate) type OutputTransform = unsafe fn(&Inverse);

/// The transforms of a stride.
#[derive(Clone, Copy)]
pub(super) struct Transforms {
    pub kernel: KernelTransform,
    pub input: InputTransform,
    pub output: OutputTransform,
}

/// Values `stride` floats apart.
///
/// # Safety
/// They are there, and the machine has `V`'s set.
#[inline(always)]
unsafe fn load<V: Lanes, F: Factors<V>, const COUNT: usize>(first: *const f32, stride: usize) -> [V; COUNT] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut values = [V::splat(0.0); COUNT];
        for (index, value) in values.iter_mut().enumerate() {
            *value = F::load(first.add(index * stride));
        }
        values
    }
}

/// Row `row` of a matrix that is stored in columns.
#[inline(always)]
fn row<V: Copy, const ROWS: usize, const COLUMNS: usize>(columns: &[[V; ROWS]; COLUMNS], row: usize) -> [V; COLUMNS] {
    let mut values = [columns[0][row]; COLUMNS];
    for (value, column) in values.iter_mut().zip(columns) {
        *value = column[row];
    }
    values
}

/// # Safety
/// As [`InputTransform`]: a whole patch is readable, its points are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_input<V: Lanes, S: Side<PATCH>, I: Factors<V>, F: Factors<V>, const PATCH: usize>(
    patch: *const f32,
    row_stride: usize,
    points: *mut f32,
    point_stride: usize,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let mut columns = [[V::splat(0.0); PATCH]; PATCH];
        for (index, column) in columns.iter_mut().enumerate() {
            *column = S::inputs(load::<V, I, PATCH>(patch.add(index * I::BLOCK), row_stride));
        }
        for index in 0..PATCH {
            let transformed = S::inputs(row(&columns, index));
            for (column, value) in transformed.into_iter().enumerate() {
                F::store(value, points.add((index * PATCH + column) * point_stride));
            }
        }
    }
}

/// # Safety
/// All that `inverse` points to is there, and the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_output<V: Lanes, S: Side<PATCH>, F: Factors<V>, const PATCH: usize>(inverse: &Inverse) {
    let Inverse { sums, point_stride, finish, .. } = *inverse;
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let mut columns = [[V::splat(0.0); OUTPUT]; PATCH];
        for (index, column) in columns.iter_mut().enumerate() {
            *column = S::outputs(load::<V, Floats, PATCH>(sums.add(index * point_stride), PATCH * point_stride));
        }
        let bias = V::load(inverse.bias);
        for index in 0..OUTPUT {
            let outputs = S::outputs(row(&columns, index));
            for (column, sum) in outputs.into_iter().enumerate() {
                let offset = index * finish.residual_stride + column * 16;
                let value = finish.apply(sum.add(bias), offset);
                F::store(value, inverse.output.add(index * inverse.output_row + column * F::BLOCK));
            }
        }
    }
}

/// # Safety
/// 36 panels are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn transform_kernel<V: Lanes, S: Side<PATCH>, const PATCH: usize>(
    taps: &[[f32; 16]; 9],
    panels: *mut f32,
    panel_stride: usize,
) {
    // SAFETY: the caller's promise covers every load and store.
    unsafe {
        let tap = |tap: usize| V::load(taps[tap].as_ptr());
        let columns = [
            S::panels([tap(0), tap(3), tap(6)]),
            S::panels([tap(1), tap(4), tap(7)]),
            S::panels([tap(2), tap(5), tap(8)]),
        ];
        for index in 0..PANELS {
            let transformed = S::panels(row(&columns, index));
            for (column, value) in transformed.into_iter().enumerate() {
                value.store(panels.add((index * PANELS + column) * panel_stride));
            }
        }
    }
}
