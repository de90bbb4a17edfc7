//! Kernels over runs of pixels of 16 channels: sums, maxima of windows, softmax.

use super::lanes::{Lanes, exp};

/// `output = left + right` for `pixels` pixels.
pub(crate) type Sum = unsafe fn(left: *const f32, right: *const f32, output: *mut f32, pixels: usize);

/// Each output pixel is the maximum of `window` input pixels `step` floats apart.
pub(crate) type WindowMax = unsafe fn(input: *const f32, step: usize, window: usize, output: *mut f32, pixels: usize);

/// Softmax in place over `count` scores, 16 to a block, blocks `stride` floats apart; scores are multiplied
/// by `scale` first, and what follows them in the last block becomes zero.
pub(crate) type Softmax = unsafe fn(scores: *mut f32, stride: usize, count: usize, scale: f32);

/// # Safety
/// As [`Sum`]: `pixels` pixels at each pointer; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn sum<V: Lanes>(left: *const f32, right: *const f32, output: *mut f32, pixels: usize) {
    for offset in (0..pixels * 16).step_by(16) {
        // SAFETY: the caller's promise.
        unsafe { V::load(left.add(offset)).add(V::load(right.add(offset))).store(output.add(offset)) }
    }
}

/// # Safety
/// As [`WindowMax`]: every window is readable, `pixels` are writable; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn window_max<V: Lanes>(
    input: *const f32,
    step: usize,
    window: usize,
    output: *mut f32,
    pixels: usize,
) {
    for offset in (0..pixels * 16).step_by(16) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut highest = V::load(input.add(offset));
            for position in 1..window {
                highest = highest.max(V::load(input.add(offset + position * step)));
            }
            highest.store(output.add(offset));
        }
    }
}

/// # Safety
/// As [`Softmax`]: `count` scores, at least one, in whole blocks; the machine has `V`'s set.
#[inline(always)]
pub(super) unsafe fn softmax<V: Lanes>(scores: *mut f32, stride: usize, count: usize, scale: f32) {
    let blocks = count.div_ceil(16);
    // SAFETY: the caller's promise covers every block.
    unsafe {
        let last = scores.add((blocks - 1) * stride);
        for lane in count - (blocks - 1) * 16..16 {
            *last.add(lane) = f32::NEG_INFINITY;
        }
        let mut highest = V::load(scores);
        for block in 1..blocks {
            highest = highest.max(V::load(scores.add(block * stride)));
        }
        let highest = V::splat(highest.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max));
        let scale = V::splat(scale);
        let mut total = V::splat(0.0);
        for block in 0..blocks {
            let scores = scores.add(block * stride);
            let weight = exp(V::load(scores).sub(highest).mul(scale));
            weight.store(scores);
            if block + 1 == blocks {
                for lane in count - (blocks - 1) * 16..16 {
                    *last.add(lane) = 0.0;
                }
            }
            total = total.add(V::load(scores));
        }
        let share = V::splat(1.0 / total.to_array().into_iter().sum::<f32>());
        for block in 0..blocks {
            let scores = scores.add(block * stride);
            V::load(scores).mul(share).store(scores);
        }
    }
}
