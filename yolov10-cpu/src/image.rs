//! What goes in and comes out: planes of an image, to be written, and maps, to be read in place.

use crate::layout::View;

/// The input as planes of floats, to be filled row by row. The engine keeps the zeros around them.
pub struct InputPlanes<'a> {
    view: View,
    arena: &'a mut [f32],
}

impl<'a> InputPlanes<'a> {
    /// Clears the border: the memory may have held something else.
    pub(crate) fn new(view: View, arena: &'a mut [f32]) -> InputPlanes<'a> {
        let border = view.border;
        for plane in 0..view.channels {
            let corner = view.at(plane, 0, 0) - border * (view.row_stride + 1);
            let plane = &mut arena[corner..][..(view.height + 2 * border) * view.row_stride];
            let (above, rest) = plane.split_at_mut(border * view.row_stride);
            let (rows, below) = rest.split_at_mut(view.height * view.row_stride);
            above.fill(0.0);
            below.fill(0.0);
            for row in rows.chunks_exact_mut(view.row_stride) {
                row[..border].fill(0.0);
                row[border + view.width..].fill(0.0);
            }
        }
        InputPlanes { view, arena }
    }

    /// Planes.
    pub fn channels(&self) -> usize {
        self.view.channels
    }

    /// Rows of a plane.
    pub fn height(&self) -> usize {
        self.view.height
    }

    /// Floats of a row.
    pub fn width(&self) -> usize {
        self.view.width
    }

    /// Row `row` of plane `channel`: `width` floats, whatever the last run left there.
    ///
    /// # Panics
    /// There is no such plane or row.
    pub fn row_mut(&mut self, channel: usize, row: usize) -> &mut [f32] {
        assert!(channel < self.channels() && row < self.height(), "row {row} of plane {channel}");
        &mut self.arena[self.view.at(channel, row, 0)..][..self.view.width]
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
    /// It lies beyond the data, as no element of a map that an engine gave out does.
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

    /// The largest value of all channels at a position.
    ///
    /// # Panics
    /// The position lies beyond the data, as none of a map that an engine gave out does.
    pub fn max_over_channels(&self, row: usize, column: usize) -> f32 {
        let position = self.offset + row * self.row_stride + column * self.column_stride;
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        (0..self.channels)
            .step_by(self.block)
            .map(|first| {
                let start = position + first / self.block * self.block_stride;
                let lanes = &self.data[start..][..self.block.min(self.channels - first)];
                lanes.iter().copied().fold(f32::NEG_INFINITY, larger)
            })
            .fold(f32::NEG_INFINITY, larger)
    }
}
