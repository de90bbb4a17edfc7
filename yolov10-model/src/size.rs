//! Height and width of pictures and of the network's input.

use std::fmt;
use std::ops::RangeInclusive;

use image::RgbImage;

/// Colours of a pixel.
pub(crate) const RGB: usize = 3;

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// The largest stride of the network, in pixels: height and width of an input are multiples of it.
    pub const STRIDE: usize = 32;

    /// The sides that an input may have, in pixels: from one cell of the coarsest scale to what memory can hold.
    pub const SIDES: RangeInclusive<usize> = Self::STRIDE..=8192;

    /// A square with this side.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }

    /// The size of a picture.
    pub fn of(image: &RgbImage) -> Self {
        Self { height: image.height() as usize, width: image.width() as usize }
    }

    /// Each side, raised to the next multiple of the largest stride; if that does not fit a `usize`, the largest multiple
    /// that does.
    pub const fn to_stride(self) -> Self {
        const fn raised(side: usize) -> usize {
            match side.checked_next_multiple_of(Size::STRIDE) {
                Some(raised) => raised,
                None => usize::MAX / Size::STRIDE * Size::STRIDE,
            }
        }
        Self { height: raised(self.height), width: raised(self.width) }
    }

    /// Whether both sides are within [`Self::SIDES`].
    pub(crate) fn is_within_bounds(self) -> bool {
        Self::SIDES.contains(&self.height) && Self::SIDES.contains(&self.width)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_raised_to_multiples_of_32_as_far_as_there_are_any() {
        let raised = |height, width| Size { height, width }.to_stride();
        assert_eq!(raised(0, 1), Size { height: 0, width: 32 });
        assert_eq!(raised(32, 33), Size { height: 32, width: 64 });
        let last = usize::MAX - 31;
        assert_eq!(raised(last - 1, usize::MAX), Size { height: last, width: last });
    }
}
