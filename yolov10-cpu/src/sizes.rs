//! What the size of an image makes of a graph: the size of every value, and what computing them costs.

use crate::Error;
use crate::graph::{Graph, Op};

/// Longest side of an image, in pixels: up to here no count of floats or bytes overflows.
const LARGEST_SIDE: usize = 1 << 16;

impl Graph {
    /// Height and width of every value for an image of `size`.
    pub fn sizes(&self, size: [usize; 2]) -> Result<Vec<[usize; 2]>, Error> {
        let refused = || Error::Size { height: size[0], width: size[1], multiple: self.total_stride() };
        let [height, width] = size;
        if size.iter().any(|side| *side > LARGEST_SIDE) {
            return Err(Error::TooLarge { height, width, limit: LARGEST_SIDE });
        }
        if size.contains(&0) {
            return Err(refused());
        }
        let mut sizes: Vec<[usize; 2]> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let Some(&first) = node.inputs.first() else {
                sizes.push(size);
                continue;
            };
            let input = sizes[first];
            let output = match node.op {
                Op::Conv { weights, .. } => input.map(|side| side.div_ceil(self.weights[weights].conv.stride)),
                Op::Upsample => input.map(|side| side * 2),
                _ => input,
            };
            let other_sizes = node.inputs[1..].iter().map(|&id| sizes[id]);
            let expected = if matches!(node.op, Op::Conv { .. }) { output } else { input };
            if other_sizes.into_iter().any(|other| other != expected) {
                return Err(refused());
            }
            sizes.push(output);
        }
        Ok(sizes)
    }

    /// The largest product of strides on a path from the image.
    fn total_stride(&self) -> usize {
        let mut strides: Vec<usize> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let input = node.inputs.iter().map(|&id| strides[id]).max().unwrap_or(1);
            strides.push(match node.op {
                Op::Conv { weights, .. } => input * self.weights[weights].conv.stride,
                Op::Upsample => input.div_ceil(2),
                _ => input,
            });
        }
        strides.into_iter().max().unwrap_or(1)
    }

    /// Multiplications and additions for an image of `size`: those of convolutions and of attention's products.
    pub fn flops(&self, size: [usize; 2]) -> Result<u64, Error> {
        let sizes = self.sizes(size)?;
        let products = self.nodes.iter().zip(&sizes).map(|(node, &[height, width])| {
            let pixels = height * width;
            match node.op {
                Op::Conv { weights, .. } => {
                    let spec = &self.weights[weights];
                    let inputs = if spec.conv.is_depthwise() { 1 } else { spec.channels.len() };
                    pixels * spec.conv.channels_out * inputs * spec.conv.kernel * spec.conv.kernel
                }
                Op::Attention { .. } => pixels * pixels * (self.nodes[node.inputs[0]].channels + node.channels),
                _ => 0,
            }
        });
        Ok(2 * products.map(|count| count as u64).sum::<u64>())
    }
}
