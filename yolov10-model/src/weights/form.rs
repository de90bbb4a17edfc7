//! How parameters lie on their device.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::size::RGB;

/// Type and order of parameters in memory; their shapes are always the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterForm {
    /// The type of the filters that matrix units multiply. Biases, and filters that read colours or a single channel, are
    /// f32: burn's kernels for those sum in the type that they read, and 16 bits are too few for sums.
    pub(crate) dtype: DType,
    /// Whether filters lie in memory as `[O, kh, kw, I]`, with the channels next to each other.
    pub(crate) channels_last: bool,
}

impl Default for ParameterForm {
    fn default() -> Self {
        Self { dtype: DType::F32, channels_last: false }
    }
}

impl ParameterForm {
    /// A parameter of this shape on `device`.
    pub(super) fn tensor<const D: usize>(self, values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
        let dtype = match shape[..] {
            [_, inputs, ..] if D == 4 && inputs > RGB => self.dtype,
            _ => DType::F32,
        };
        let make = |values, shape: [usize; D]| Tensor::from_data(TensorData::new(values, shape), (device, dtype));
        match shape[..] {
            [outputs, inputs, height, width] if self.channels_last => {
                let last = channels_last(&values, [outputs, inputs, height * width]);
                let mut moved = shape;
                moved.copy_from_slice(&[outputs, height, width, inputs]);
                let mut back = [0; D];
                back.copy_from_slice(&[0, 3, 1, 2]);
                make(last, moved).permute(back)
            }
            _ => make(values, shape),
        }
    }
}

/// `[O, I, K]` to `[O, K, I]`.
fn channels_last(values: &[f32], [outputs, inputs, taps]: [usize; 3]) -> Vec<f32> {
    let mut last = Vec::with_capacity(values.len());
    for output in 0..outputs {
        let filter = &values[output * inputs * taps..][..inputs * taps];
        for tap in 0..taps {
            last.extend(filter[tap..].iter().step_by(taps));
        }
    }
    last
}
