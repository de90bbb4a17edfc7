//! The size of every value of a graph, given the size of the image.

use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::layout::LARGEST;

impl Graph {
    /// Height and width of every value for an image of `size`.
    pub fn sizes(&self, size: [usize; 2]) -> Result<Vec<[usize; 2]>, Error> {
        let refused = || Error::Size { height: size[0], width: size[1], multiple: self.total_stride() };
        if size.contains(&0) {
            return Err(refused());
        }
        let mut sizes: Vec<[usize; 2]> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let input = node.inputs.first().map_or(size, |&first| sizes[first]);
            let output = match node.op {
                Op::Conv { weights, .. } => input.map(|side| side.div_ceil(self.weights[weights].conv.stride)),
                Op::Upsample => input.map(|side| side * 2),
                _ => input,
            };
            for (what, found) in ["rows of an image", "columns of an image"].into_iter().zip(output) {
                if found > LARGEST {
                    return Err(Error::TooLarge { what, most: LARGEST, found });
                }
            }
            let mut other_sizes = node.inputs.iter().skip(1).map(|&id| sizes[id]);
            let expected = if matches!(node.op, Op::Conv { .. }) { output } else { input };
            if other_sizes.any(|other| other != expected) {
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
                Op::Conv { weights, .. } => input.saturating_mul(self.weights[weights].conv.stride),
                Op::Upsample => input.div_ceil(2),
                _ => input,
            });
        }
        strides.into_iter().max().unwrap_or(1)
    }
}
