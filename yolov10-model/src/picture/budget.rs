//! What decoding one picture may take: decided from its header, before memory is allocated.

use crate::error::Error;
use crate::size::Size;

/// The most that decoding one picture may take, in pixels and in bytes.
///
/// It bounds the picture itself, the file in memory and everything that its decoder holds meanwhile. The header tells
/// whether a picture fits. The default is 210 million pixels (enough for the 200 megapixels of a phone) and 1 GB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Width times height.
    pub pixels: u64,
    /// The file, its decoder and the decoded picture together.
    pub bytes: u64,
}

impl Budget {
    /// As many bytes as the greediest decoder needs for this many pixels, and no fewer than by default.
    pub fn of_pixels(pixels: u64) -> Self {
        /// 16-bit RGBA and 8-bit RGB together are eleven; the rest is for the file.
        const BYTES_PER_PIXEL: u64 = 16;
        Self { pixels, bytes: pixels.saturating_mul(BYTES_PER_PIXEL).max(Self::default().bytes) }
    }

    /// Checks that a picture of this size fits, if decoding takes `per_pixel` bytes for each pixel and `fixed` bytes more.
    ///
    /// # Errors
    /// It has no pixels, or takes too much.
    pub fn admit(&self, size: Size, per_pixel: f64, fixed: usize) -> Result<(), Error> {
        let pixels = size.height as u128 * size.width as u128;
        let needed = (pixels as f64 * per_pixel).ceil() + fixed as f64;
        if pixels == 0 {
            return Err(Error::EmptyPicture(size));
        }
        if pixels > u128::from(self.pixels) || needed > self.bytes as f64 {
            return Err(Error::PictureTooLarge { size, needed: needed as u64, budget: *self });
        }
        Ok(())
    }

    /// Checks that a file of this length can fit.
    pub(super) fn admit_file(&self, length: u64) -> Result<(), Error> {
        if length > self.bytes {
            return Err(Error::FileTooLarge { found: length, expected: self.bytes });
        }
        Ok(())
    }

    /// How many bytes are left besides those that a picture of this size is known to take.
    pub(super) fn rest(&self, size: Size, per_pixel: f64, fixed: usize) -> u64 {
        let taken = size.height as f64 * size.width as f64 * per_pixel + fixed as f64;
        (self.bytes as f64 - taken).max(0.0) as u64
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { pixels: 210_000_000, bytes: 1_000_000_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_bytes_are_bounded_and_nothing_overflows() {
        let budget = Budget { pixels: 100, bytes: 1000 };
        let size = |height, width| Size { height, width };
        assert!(budget.admit(size(10, 10), 9.0, 100).is_ok());
        assert!(matches!(budget.admit(size(10, 10), 9.0, 101), Err(Error::PictureTooLarge { needed: 1001, .. })));
        assert!(matches!(budget.admit(size(1, 101), 1.0, 0), Err(Error::PictureTooLarge { .. })));
        assert!(matches!(budget.admit(size(usize::MAX, usize::MAX), 3.0, 0), Err(Error::PictureTooLarge { .. })));
        assert!(matches!(budget.admit(size(0, 5), 3.0, 0), Err(Error::EmptyPicture(_))));
        assert_eq!(budget.rest(size(10, 10), 3.0, 100), 600);
        assert_eq!(budget.rest(size(10, 10), 30.0, 100), 0);
    }

    #[test]
    fn a_raised_budget_has_bytes_for_its_pixels() {
        let raised = Budget::of_pixels(400_000_000);
        assert_eq!((raised.pixels, raised.bytes), (400_000_000, 6_400_000_000));
        assert_eq!(Budget::of_pixels(1).bytes, Budget::default().bytes);
        assert_eq!(Budget::of_pixels(u64::MAX).bytes, u64::MAX);
    }
}
