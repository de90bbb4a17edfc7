//! The layout of a feature map: `[channels / 16][rows][columns][16]` with a border of zeros, like oneDNN's nChw16c.
//!
//! 16 channels of a pixel are one AVX-512 register, two of AVX2 or four of NEON, so one layout serves every kernel. The
//! border spares padding any branches, and channel ranges that start at a multiple of 16 are views.

/// Channels that lie side by side.
pub(crate) const LANES: usize = 16;
/// The same channels as pairs of bf16, each as wide as a float.
pub(crate) const PAIRS: usize = LANES / 2;

/// The most rows, columns and channels, and the largest side of a kernel: far beyond any image or network, and small enough
/// that no count of one map's floats exceeds 2^64.
pub(crate) const LARGEST: usize = 1 << 16;

/// How far block planes stay away from a multiple of a page, where all of them would fall into the same few sets of the
/// first-level cache. In pixels of 64 bytes.
const SKEW: usize = 17;
const PIXELS_PER_PAGE: usize = 64;

/// A feature map in the arena. Offsets and strides count floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// Channel 0, row 0, column 0, inside the border.
    pub offset: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Floats of a pixel, and so the distance between columns: `LANES`, or `PAIRS` for 16 channels in bf16, or 1 for the
    /// planes of an image.
    pub block: usize,
    pub block_stride: usize,
    pub row_stride: usize,
    /// Rows and columns of zeros on each side.
    pub border: usize,
}

impl View {
    /// A whole map, which starts `start` floats into the arena, border included.
    pub fn new(start: usize, channels: usize, [height, width]: [usize; 2], block: usize, border: usize) -> View {
        let row_stride = (width + 2 * border) * block;
        let mut block_stride = (height + 2 * border) * row_stride;
        if block > 1 {
            let pixels = block_stride / LANES % PIXELS_PER_PAGE;
            if !(SKEW / 2..PIXELS_PER_PAGE - SKEW / 2).contains(&pixels) {
                block_stride += (PIXELS_PER_PAGE + SKEW - pixels) % PIXELS_PER_PAGE * LANES;
            }
        }
        let offset = start + border * row_stride + border * block;
        View { offset, channels, height, width, block, block_stride, row_stride, border }
    }

    /// Channels side by side.
    fn block_channels(&self) -> usize {
        if self.block == 1 { 1 } else { LANES }
    }

    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(self.block_channels())
    }

    /// Floats of all blocks, borders included.
    pub fn len(&self) -> usize {
        self.blocks() * self.block_stride
    }

    /// First float of a pixel of a block.
    pub fn at(&self, block: usize, row: usize, column: usize) -> usize {
        self.offset + block * self.block_stride + row * self.row_stride + column * self.block
    }

    /// Some of the channels: `start` is a multiple of the block.
    pub fn channels(&self, start: usize, channels: usize) -> View {
        debug_assert!(
            start.is_multiple_of(self.block_channels()) && start + channels <= self.blocks() * self.block_channels()
        );
        View { offset: self.at(start / self.block_channels(), 0, 0), channels, ..*self }
    }
}

/// Part `index` of `0..total` in `parts` nearly equal parts.
pub(crate) fn split(total: usize, parts: usize, index: usize) -> std::ops::Range<usize> {
    total * index / parts..total * (index + 1) / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_borders_fill_the_planes() {
        let view = View::new(100, 20, [5, 7], LANES, 1);
        assert_eq!(view.row_stride, 9 * 16);
        assert!(view.block_stride >= 7 * 9 * 16);
        assert_eq!(view.at(0, 0, 0), 100 + 9 * 16 + 16);
        assert_eq!(view.at(1, 2, 3), view.at(0, 0, 0) + view.block_stride + 2 * 9 * 16 + 3 * 16);
        assert_eq!(view.channels(16, 4).at(0, 1, 1), view.at(1, 1, 1));
    }

    #[test]
    fn planes_keep_away_from_multiples_of_a_page() {
        for side in 1..200 {
            let view = View::new(0, 32, [side, side], LANES, 0);
            let pixels = view.block_stride / LANES % PIXELS_PER_PAGE;
            assert!((SKEW / 2..PIXELS_PER_PAGE - SKEW / 2).contains(&pixels), "side {side}: {pixels}");
        }
    }

    #[test]
    fn parts_cover_the_whole_without_overlap() {
        for total in 0..40 {
            for parts in 1..9 {
                let covered: Vec<_> = (0..parts).flat_map(|index| split(total, parts, index)).collect();
                assert_eq!(covered, (0..total).collect::<Vec<_>>());
            }
        }
    }
}
