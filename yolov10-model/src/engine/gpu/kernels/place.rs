//! Where the elements of a map `[B, C, H, W]` are, however it lies in memory.

use cubecl::prelude::*;

/// An element of a map.
#[derive(CubeType, Clone, Copy)]
pub struct Place {
    pub sample: usize,
    pub channel: usize,
    pub y: usize,
    pub x: usize,
}

/// Elements of a map.
#[cube]
pub fn count<F: Float>(map: &Tensor<F>) -> usize {
    map.shape(0) * map.shape(1) * map.shape(2) * map.shape(3)
}

/// The element with this number, counted so that channels are next to each other.
#[cube]
pub fn nth<F: Float>(map: &Tensor<F>, number: usize) -> Place {
    let channels = map.shape(1);
    let height = map.shape(2);
    let width = map.shape(3);
    Place {
        sample: number / channels / width / height,
        channel: number % channels,
        y: number / channels / width % height,
        x: number / channels % width,
    }
}

/// Where in memory an element is.
#[cube]
pub fn index<F: Float>(map: &Tensor<F>, sample: usize, channel: usize, y: usize, x: usize) -> usize {
    sample * map.stride(0) + channel * map.stride(1) + y * map.stride(2) + x * map.stride(3)
}

/// Where a channel of a cell is; cells are counted row after row.
#[cube]
pub fn in_cell<F: Float>(map: &Tensor<F>, sample: usize, channel: usize, cell: usize) -> usize {
    let width = map.shape(3);
    index(map, sample, channel, cell / width, cell % width)
}
