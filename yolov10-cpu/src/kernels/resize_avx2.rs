//! [`resize_row`](super::resize::resize_row) with AVX2, the same bits: eight columns stay in registers from the
//! picture's bytes to the planes' floats.

use std::arch::x86_64::*;

use super::resize::{self, Column, RGB, Row, WHITE};

/// Columns at a time.
const STEP: usize = 8;
/// Bytes read at a column: two pixels, and two bytes that are not looked at.
const READ: usize = 8;

// Closures that a function of the standard library calls are not compiled for the set: there are none below.

/// # Safety
/// A machine with the set.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn resize_row(row: &Row<'_>, columns: &[Column], planes: &mut [&mut [f32]; RGB]) {
    let length = row.between[0].len().min(row.between[1].len());
    let Some(spare) = length.checked_sub(READ) else {
        return resize::resize_row(row, columns, planes);
    };
    // The last pixel that a read may begin at.
    let last = _mm256_set1_epi32(u32::try_from(spare / RGB).unwrap_or(u32::MAX).cast_signed());
    let (eights, rest) = columns.as_chunks();
    for (index, eight) in eights.iter().enumerate() {
        let lefts = lefts(eight);
        let channels = if _mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_max_epu32(lefts, last), last)) == -1 {
            // SAFETY: none of the eight lies beyond the last.
            unsafe { between::<false>(row, eight) }
        } else {
            // SAFETY: a row has so many bytes, as `spare` says.
            unsafe { between::<true>(row, eight) }
        };
        for (plane, values) in planes.iter_mut().zip(channels) {
            let plane = &mut plane[index * STEP..][..STEP];
            // SAFETY: there is room for eight.
            unsafe { _mm256_storeu_ps(plane.as_mut_ptr(), values) };
        }
    }
    if !rest.is_empty() {
        let mut eight = [Column::default(); STEP];
        eight[..rest.len()].copy_from_slice(rest);
        // SAFETY: as above.
        let channels = unsafe { between::<true>(row, &eight) };
        for (plane, channel) in planes.iter_mut().zip(channels) {
            let mut values = [0.0; STEP];
            // SAFETY: there is room for eight.
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), channel) };
            plane[eights.len() * STEP..][..rest.len()].copy_from_slice(&values[..rest.len()]);
        }
    }
}

/// Where they are, in any order.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn lefts(columns: &[Column; STEP]) -> __m256i {
    let (start, end) = halves(columns);
    _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(start, end))
}

/// Their weights, in order.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn weights(columns: &[Column; STEP]) -> __m256i {
    let (start, end) = halves(columns);
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(start, end)))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn halves(columns: &[Column; STEP]) -> (__m256, __m256) {
    let start = columns.as_ptr().cast::<f32>();
    // SAFETY: a column is as large as two floats, and there are eight.
    unsafe { (_mm256_loadu_ps(start), _mm256_loadu_ps(start.add(STEP))) }
}

/// Red, green and blue of eight columns, 0 to 1.
///
/// # Safety
/// As for `read`, in both rows at each of the columns.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn between<const NEAR_END: bool>(row: &Row<'_>, columns: &[Column; STEP]) -> [__m256; RGB] {
    let weights = weights(columns);
    // SAFETY: the caller's promise.
    let upper = unsafe { across::<NEAR_END>(row.between[0], columns, weights) };
    // SAFETY: the same.
    let lower = unsafe { across::<NEAR_END>(row.between[1], columns, weights) };
    // Four levels a pixel, the pixels in order.
    let levels = _mm256_packus_epi16(down(upper[0], lower[0], row.weights), down(upper[1], lower[1], row.weights));
    [over_white(levels), over_white(_mm256_srli_epi32::<8>(levels)), over_white(_mm256_srli_epi32::<16>(levels))]
}

/// Whole levels of what lies in an upper and in a lower row.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn down(upper: __m256i, lower: __m256i, weights: [i16; 2]) -> __m256i {
    let upper = _mm256_mulhi_epi16(upper, _mm256_set1_epi16(weights[0]));
    let lower = _mm256_mulhi_epi16(lower, _mm256_set1_epi16(weights[1]));
    _mm256_srai_epi16::<2>(_mm256_add_epi16(_mm256_add_epi16(upper, lower), _mm256_set1_epi16(2)))
}

/// Levels in 1/128 of eight columns, four channels each: columns 0, 1, 4, 5, and columns 2, 3, 6, 7.
///
/// # Safety
/// As for `read`, at each of the columns.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn across<const NEAR_END: bool>(levels: &[u8], columns: &[Column; STEP], weights: __m256i) -> [__m256i; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let first = weigh::<NEAR_END>(levels, columns[0], columns[4], _mm256_shuffle_epi32::<0b00_00_00_00>(weights));
        let second = weigh::<NEAR_END>(levels, columns[1], columns[5], _mm256_shuffle_epi32::<0b01_01_01_01>(weights));
        let third = weigh::<NEAR_END>(levels, columns[2], columns[6], _mm256_shuffle_epi32::<0b10_10_10_10>(weights));
        let fourth = weigh::<NEAR_END>(levels, columns[3], columns[7], _mm256_shuffle_epi32::<0b11_11_11_11>(weights));
        [_mm256_packs_epi32(first, second), _mm256_packs_epi32(third, fourth)]
    }
}

/// Levels in 1/128 of two columns, four channels each.
///
/// # Safety
/// As for `read`, at both.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn weigh<const NEAR_END: bool>(levels: &[u8], one: Column, other: Column, weights: __m256i) -> __m256i {
    // A channel of the left pixel beside that of the right one, as 16-bit integers.
    let beside = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    // SAFETY: the caller's promise.
    let two = unsafe { _mm256_set_m128i(read::<NEAR_END>(levels, other.left), read::<NEAR_END>(levels, one.left)) };
    _mm256_srai_epi32::<4>(_mm256_madd_epi16(_mm256_shuffle_epi8(two, beside), weights))
}

/// Eight bytes at a pixel. Near the row's end, zeros stand for what it has not.
///
/// # Safety
/// The row has eight bytes: anywhere if it is near the end, else at the pixel.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn read<const NEAR_END: bool>(levels: &[u8], pixel: u32) -> __m128i {
    let start = pixel as usize * RGB;
    if !NEAR_END {
        // SAFETY: the caller's promise.
        return unsafe { _mm_loadl_epi64(levels.as_ptr().add(start).cast()) };
    }
    assert!(start + RGB <= levels.len(), "pixel {pixel} of a row of {} bytes", levels.len());
    let first = start.min(levels.len() - READ);
    // SAFETY: it has eight bytes.
    let bytes = unsafe { levels.as_ptr().add(first).cast::<u64>().read_unaligned() };
    _mm_cvtsi64_si128((bytes >> (8 * (start - first))).cast_signed())
}

/// The lowest byte over 255 to the last bit, without a division: the error of a product with the
/// reciprocal is exact in a fused operation, and corrects it.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn over_white(levels: __m256i) -> __m256 {
    let levels = _mm256_cvtepi32_ps(_mm256_and_si256(levels, _mm256_set1_epi32(0xFF)));
    let (white, reciprocal) = (_mm256_set1_ps(WHITE), _mm256_set1_ps(WHITE.recip()));
    let quotient = _mm256_mul_ps(levels, reciprocal);
    _mm256_fmadd_ps(_mm256_fnmadd_ps(quotient, white, levels), reciprocal, quotient)
}

const _: () = assert!(size_of::<Column>() == 8, "eight columns are two registers");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_over_255_is_the_bits_of_the_division() {
        if !std::arch::is_x86_feature_detected!("avx2") || !std::arch::is_x86_feature_detected!("fma") {
            return;
        }
        for level in 0..=255 {
            let mut values = [0.0; STEP];
            // SAFETY: the machine has the set, and there is room for eight.
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), over_white(_mm256_set1_epi32(level))) };
            assert_eq!(values.map(f32::to_bits), [(level as f32 / WHITE).to_bits(); STEP]);
        }
    }
}
