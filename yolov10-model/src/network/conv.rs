//! Convolution, bias, activation: the one layer with weights. Batch norm is folded into them by the converter.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::{error::Error, weights::Scope};

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `x * sigmoid(x)`.
    Silu,
}

/// The shape of a convolution apart from its channels; padding is half the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step between outputs, in input pixels.
    pub stride: usize,
    /// One filter per channel instead of sums over all channels.
    pub depthwise: bool,
    /// What follows.
    pub activation: Activation,
}

impl Filter {
    /// A `kernel` x `kernel` filter over all channels, stride 1, SiLU.
    pub const fn dense(kernel: usize) -> Self {
        Self { kernel, stride: 1, depthwise: false, activation: Activation::Silu }
    }

    /// A `kernel` x `kernel` filter for each channel on its own, stride 1, SiLU.
    pub const fn depthwise(kernel: usize) -> Self {
        Self { depthwise: true, ..Self::dense(kernel) }
    }

    /// The same with another stride.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same without activation.
    pub const fn linear(self) -> Self {
        Self { activation: Activation::Identity, ..self }
    }
}

/// Convolution with bias and activation.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[O, I, k, k]`, depthwise `[O, 1, k, k]`.
    pub weight: Param<Tensor<4>>,
    /// `[O]`.
    pub bias: Param<Tensor<1>>,
    /// I, the channels it takes.
    pub channels_in: usize,
    /// O, the channels it returns.
    pub channels_out: usize,
    /// Everything else.
    #[module(skip)]
    pub filter: Filter,
}

impl Conv {
    /// The convolution whose tensors are at `scope`; they determine the number of outputs.
    pub(crate) fn new(scope: &Scope, channels_in: usize, filter: Filter) -> Result<Self, Error> {
        let inputs = if filter.depthwise { 1 } else { channels_in };
        let outputs = filter.depthwise.then_some(channels_in);
        let kernel = Some(filter.kernel);
        let weight = scope.param("weight", [outputs, Some(inputs), kernel, kernel])?;
        let shape: [usize; 4] = weight.lazy_shape().dims();
        let [channels_out, ..] = shape;
        let bias = scope
            .param("bias", [Some(channels_out)])
            .map_err(|error| error.beside(scope.at("weight").path(), &shape))?;
        Ok(Self { weight, bias, channels_in, channels_out, filter })
    }

    /// Convolutions one after another, whose tensors are numbered below `scope`.
    pub(crate) fn chain<const N: usize>(
        scope: &Scope,
        channels_in: usize,
        filters: [Filter; N],
    ) -> Result<Vec<Self>, Error> {
        let mut convs: Vec<Self> = Vec::with_capacity(N);
        for (index, filter) in filters.into_iter().enumerate() {
            let channels_in = convs.last().map_or(channels_in, |conv| conv.channels_out);
            convs.push(Self::new(&scope.at(index), channels_in, filter)?);
        }
        Ok(convs)
    }
}
