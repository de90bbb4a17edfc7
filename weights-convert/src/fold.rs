//! Folding in f64: batch normalisation into convolutions, the large-kernel block into one convolution, attention's rows from
//! per-head order to q, k, v.

use crate::{
    error::Error,
    network::{Branch, Convolution},
    torch::Checkpoint,
};

/// YOLOv10's epsilon; pickled modules bring their own. torch's default is 1e-5.
const BATCH_NORM_EPS: f64 = 1e-3;

/// A convolution that is ready to be written.
#[derive(Debug, PartialEq)]
pub(crate) struct Folded {
    /// Outputs, inputs per group, kernel height and width.
    pub(crate) shape: [usize; 4],
    /// Row-major.
    pub(crate) weight: Vec<f64>,
    /// One per output.
    pub(crate) bias: Vec<f64>,
}

/// Statistics and affine map of a batch normalisation, one value per channel.
struct BatchNorm {
    scale: Vec<f64>,
    shift: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    eps: f64,
}

/// Reads and folds one convolution.
pub(crate) fn fold(source: &Checkpoint<'_>, convolution: &Convolution) -> Result<Folded, Error> {
    let mut folded: Option<Folded> = None;
    for branch in &convolution.branches {
        let next = read_branch(source, branch, convolution.shape)?;
        match &mut folded {
            None => folded = Some(next),
            Some(sum) => sum.add_centred(&next),
        }
    }
    let folded = folded.expect("every convolution has a branch");
    Ok(match convolution.attention_heads {
        Some(heads) => folded.reordered(&attention_rows(convolution.shape, heads)),
        None => folded,
    })
}

fn read_branch(source: &Checkpoint<'_>, branch: &Branch, shape: [usize; 4]) -> Result<Folded, Error> {
    let [outputs, inputs, ..] = shape;
    let weight = source.values(&branch.weight)?;
    let bias = match &branch.bias {
        Some(bias) => source.values(bias)?,
        None => vec![0.0; outputs],
    };
    // Kernels are square; the smaller one of two branches has its own.
    let kernel = (weight.len() / (outputs * inputs)).isqrt();
    let mut folded = Folded { shape: [outputs, inputs, kernel, kernel], weight, bias };
    if let Some(norm) = &branch.norm {
        folded.apply(&BatchNorm {
            scale: source.values(&format!("{norm}.weight"))?,
            shift: source.values(&format!("{norm}.bias"))?,
            mean: source.values(&format!("{norm}.running_mean"))?,
            variance: source.values(&format!("{norm}.running_var"))?,
            eps: source.modules.get(norm).and_then(|module| module.eps).unwrap_or(BATCH_NORM_EPS),
        });
    }
    Ok(folded)
}

impl Folded {
    fn apply(&mut self, norm: &BatchNorm) {
        let row = self.weight.len() / self.bias.len();
        for (output, weights) in self.weight.chunks_exact_mut(row).enumerate() {
            let gain = norm.scale[output] / (norm.variance[output] + norm.eps).sqrt();
            weights.iter_mut().for_each(|weight| *weight *= gain);
            self.bias[output] = norm.shift[output] + (self.bias[output] - norm.mean[output]) * gain;
        }
    }

    /// Adds a convolution with a smaller kernel, as if padded with zeros to the size of this one.
    fn add_centred(&mut self, small: &Folded) {
        let ([.., large], [.., kernel]) = (self.shape, small.shape);
        let margin = (large - kernel) / 2;
        let planes = self.weight.chunks_exact_mut(large * large).zip(small.weight.chunks_exact(kernel * kernel));
        for (plane, values) in planes {
            for (y, row) in values.chunks_exact(kernel).enumerate() {
                let start = (y + margin) * large + margin;
                plane[start..start + kernel].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
        self.bias.iter_mut().zip(&small.bias).for_each(|(sum, value)| *sum += value);
    }

    /// The same outputs in another order.
    fn reordered(self, rows: &[usize]) -> Self {
        let row = self.weight.len() / self.bias.len();
        let weight = rows.iter().flat_map(|output| &self.weight[output * row..(output + 1) * row]).copied().collect();
        let bias = rows.iter().map(|output| self.bias[*output]).collect();
        Self { shape: self.shape, weight, bias }
    }
}

/// PyTorch orders the rows of `qkv` per head as q, k, v; here all heads' q come first, then all k, then all v.
fn attention_rows([outputs, inputs, ..]: [usize; 4], heads: usize) -> Vec<usize> {
    let value = inputs / heads;
    let key = (outputs / heads - value) / 2;
    let parts = [0..key, key..2 * key, 2 * key..2 * key + value];
    parts
        .into_iter()
        .flat_map(|part| (0..heads).flat_map(move |head| part.clone().map(move |row| head * (2 * key + value) + row)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_norm_goes_into_weight_and_bias() {
        let mut folded = Folded { shape: [2, 1, 1, 2], weight: vec![1.0, 2.0, 3.0, 4.0], bias: vec![0.0, 1.0] };
        folded.apply(&BatchNorm {
            scale: vec![2.0, 3.0],
            shift: vec![0.5, 0.25],
            mean: vec![1.0, 2.0],
            variance: vec![3.0, 8.0],
            eps: 1.0,
        });
        // Gains 2 / sqrt(3 + 1) and 3 / sqrt(8 + 1).
        assert_eq!(folded.weight, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(folded.bias, [0.5 - 1.0, 0.25 + (1.0 - 2.0)]);
    }

    #[test]
    fn a_small_kernel_lands_in_the_middle_of_a_large_one() {
        let mut large = Folded { shape: [1, 1, 7, 7], weight: vec![0.0; 49], bias: vec![1.0] };
        let small = Folded { shape: [1, 1, 3, 3], weight: (1..10).map(f64::from).collect(), bias: vec![2.0] };
        large.add_centred(&small);
        let rows: Vec<&[f64]> = large.weight.chunks(7).collect();
        assert_eq!(rows[2], [0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(rows[3], [0.0, 0.0, 4.0, 5.0, 6.0, 0.0, 0.0]);
        assert_eq!(rows[4], [0.0, 0.0, 7.0, 8.0, 9.0, 0.0, 0.0]);
        assert_eq!(large.weight.iter().sum::<f64>(), 45.0);
        assert_eq!(large.bias, [3.0]);
    }

    #[test]
    fn rows_of_heads_become_rows_of_q_k_v() {
        // Two heads of q: 1, k: 1, v: 2 rows, over 4 channels.
        assert_eq!(attention_rows([8, 4, 1, 1], 2), [0, 4, 1, 5, 2, 3, 6, 7]);
    }
}
