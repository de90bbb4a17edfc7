//! A picture's pixels where they lie, in whoever's memory.

use std::borrow::Cow;

use image::RgbImage;

use crate::size::{RGB, Size};

/// What the three bytes of a pixel are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red: OpenCV's.
    Bgr,
}

/// A picture in memory that somebody else owns, `[H, W, 3]`: rows of pixels of three bytes each, without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    bytes: &'a [u8],
    size: Size,
    order: Order,
}

impl<'a> Pixels<'a> {
    /// The picture of this size in `bytes`; `None` unless there are exactly as many as it has.
    pub fn new(bytes: &'a [u8], size: Size, order: Order) -> Option<Self> {
        let length = size.height.checked_mul(size.width)?.checked_mul(RGB)?;
        (bytes.len() == length).then_some(Self { bytes, size, order })
    }

    /// Height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What the bytes of a pixel are.
    pub fn order(&self) -> Order {
        self.order
    }

    /// All of it as red, green and blue; a copy where they lie in another order.
    pub fn rgb(&self) -> Cow<'a, [u8]> {
        match self.order {
            Order::Rgb => Cow::Borrowed(self.bytes),
            Order::Bgr => {
                let mut bytes = self.bytes.to_vec();
                let (pixels, _) = bytes.as_chunks_mut::<RGB>();
                pixels.iter_mut().for_each(|pixel| pixel.reverse());
                Cow::Owned(bytes)
            }
        }
    }

    /// A row, in its order.
    pub(crate) fn row(&self, row: usize) -> &'a [u8] {
        let length = self.size.width * RGB;
        &self.bytes[row * length..][..length]
    }
}

impl<'a> From<&'a RgbImage> for Pixels<'a> {
    fn from(image: &'a RgbImage) -> Self {
        Self { bytes: image.as_raw(), size: Size::of(image), order: Order::Rgb }
    }
}

impl<'a> From<&Pixels<'a>> for Pixels<'a> {
    fn from(pixels: &Pixels<'a>) -> Self {
        *pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_bytes_as_the_size_says() {
        let size = Size { height: 2, width: 3 };
        for (length, is_picture) in [(17, false), (18, true), (19, false)] {
            assert_eq!(Pixels::new(&vec![0; length], size, Order::Rgb).is_some(), is_picture, "{length}");
        }
        assert!(Pixels::new(&[], Size { height: usize::MAX, width: 2 }, Order::Rgb).is_none());
    }

    #[test]
    fn another_order_is_turned_around() {
        let size = Size { height: 1, width: 2 };
        let rgb = |order| Pixels::new(&[1, 2, 3, 4, 5, 6], size, order).expect("six bytes").rgb().into_owned();
        assert_eq!(rgb(Order::Rgb), [1, 2, 3, 4, 5, 6]);
        assert_eq!(rgb(Order::Bgr), [3, 2, 1, 6, 5, 4]);
    }
}
