//! Input and output: rows of an image to be written, and maps to be read in place.
#![allow(unsafe_code, reason = "lends rows of one arena to several threads")]

use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

use crate::layout::View;

/// Some rows of the input, in planes of floats, to be filled. Other threads fill other rows meanwhile. The engine keeps
/// the zeros around the planes.
pub struct InputRows<'a> {
    view: View,
    range: Range<usize>,
    arena: *mut f32,
    /// How long the rows are lent.
    lent: PhantomData<&'a mut [f32]>,
}

impl InputRows<'_> {
    /// Clears the border beside these rows, above the first and below the last: the memory may have held something else.
    ///
    /// # Safety
    /// The view lies in `arena`, and while the value lives nobody else touches these rows or their border.
    pub(crate) unsafe fn new<'a>(view: View, range: Range<usize>, arena: *mut f32) -> InputRows<'a> {
        let (border, stride) = (view.border, view.row_stride);
        for plane in 0..view.channels {
            // SAFETY: the caller's promise; a plane has `border` rows above and below, and a row as many columns at
            // each end.
            unsafe {
                let start = |row: usize| arena.add(view.at(plane, row, 0) - border);
                if range.start == 0 {
                    start(0).sub(border * stride).write_bytes(0, border * stride);
                }
                for row in range.clone() {
                    start(row).write_bytes(0, border);
                    start(row).add(stride - border).write_bytes(0, border);
                }
                if range.end == view.height {
                    start(view.height - 1).add(stride).write_bytes(0, border * stride);
                }
            }
        }
        InputRows { view, range, arena, lent: PhantomData }
    }

    /// Which rows of the image these are.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Planes of the image.
    pub fn channels(&self) -> usize {
        self.view.channels
    }

    /// Floats of a row.
    pub fn width(&self) -> usize {
        self.view.width
    }

    /// Row `row` of plane `plane`: `width` floats, whatever the last run left there.
    ///
    /// # Panics
    /// The row is not one of these, or there is no such plane.
    pub fn row_mut(&mut self, plane: usize, row: usize) -> &mut [f32] {
        assert!(self.range.contains(&row) && plane < self.channels(), "row {row} of plane {plane}");
        // SAFETY: the promise of `new`, and the value is lent as a whole.
        unsafe { slice::from_raw_parts_mut(self.arena.add(self.view.at(plane, row, 0)), self.view.width) }
    }

    /// The same row of all planes.
    ///
    /// # Panics
    /// The row is not one of these, or the image does not have `PLANES` planes.
    pub fn planes_mut<const PLANES: usize>(&mut self, row: usize) -> [&mut [f32]; PLANES] {
        assert!(self.range.contains(&row), "row {row} of {:?}", self.range);
        assert_eq!(self.channels(), PLANES, "planes of the image");
        std::array::from_fn(|plane| {
            // SAFETY: as in `row_mut`, and the planes lie apart.
            unsafe { slice::from_raw_parts_mut(self.arena.add(self.view.at(plane, row, 0)), self.view.width) }
        })
    }
}

/// An output in place: element (c, y, x) is
/// `data[offset + c / block * block_stride + y * row_stride + x * column_stride + c % block]`.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    /// The memory that the map lies in.
    pub data: &'a [f32],
    /// Channels, rows and columns of the map.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels that lie side by side.
    pub block: usize,
    /// Floats from a block of channels to the next.
    pub block_stride: usize,
    /// Floats from a row to the next.
    pub row_stride: usize,
    /// Floats from a column to the next.
    pub column_stride: usize,
    /// The first element.
    pub offset: usize,
}

impl<'a> MapView<'a> {
    pub(crate) fn new(view: View, data: &'a [f32]) -> MapView<'a> {
        let View { offset, channels, height, width, block, block_stride, row_stride, .. } = view;
        MapView { data, channels, height, width, block, block_stride, row_stride, column_stride: block, offset }
    }

    /// Element (channel, row, column).
    ///
    /// # Panics
    /// It lies beyond the data, which can't happen with a map from an engine.
    pub fn get(&self, channel: usize, row: usize, column: usize) -> f32 {
        let block = channel / self.block * self.block_stride + channel % self.block;
        self.data[self.offset + block + row * self.row_stride + column * self.column_stride]
    }

    /// A map `[C, H, W]` whose elements lie one after another.
    pub fn planar(data: &'a [f32], channels: usize, height: usize, width: usize) -> MapView<'a> {
        MapView {
            data,
            channels,
            height,
            width,
            block: 1,
            block_stride: height * width,
            row_stride: width,
            column_stride: 1,
            offset: 0,
        }
    }

    /// All channels at a position, in pieces that lie side by side.
    ///
    /// # Panics
    /// The position lies beyond the data, which can't happen with a map from an engine.
    pub fn channels_at(&self, row: usize, column: usize) -> impl Iterator<Item = &'a [f32]> {
        let MapView { data, channels, block, block_stride, .. } = *self;
        let position = self.offset + row * self.row_stride + column * self.column_stride;
        (0..channels).step_by(block).map(move |first| {
            let start = position + first / block * block_stride;
            &data[start..][..block.min(channels - first)]
        })
    }

    /// The largest value of all channels at a position.
    ///
    /// # Panics
    /// As [`MapView::channels_at`].
    pub fn max_over_channels(&self, row: usize, column: usize) -> f32 {
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        self.channels_at(row, column)
            .map(|channels| channels.iter().copied().fold(f32::NEG_INFINITY, larger))
            .fold(f32::NEG_INFINITY, larger)
    }
}
