//! The network as a list of its convolutions and their cost: nothing is computed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use burn::tensor::Device;

use crate::error::Error;
use crate::letterbox::check_input;
use crate::network::{Conv, FeatureMap, Network, ParameterPaths};
use crate::size::{RGB, Size};
use crate::weights::Weights;

/// One convolution, or one attention, of the one-to-one network.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Step {
    /// The field path of its layer, such as `backbone.stem`.
    pub path: String,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiplications and additions: two for each product that is summed.
    pub flops: u64,
    /// `[C, H, W]` of its output.
    pub output: [usize; 3],
}

/// What the one-to-one network of a weight file consists of and what it costs, layer by layer in running order. It is the
/// network as written: an engine that rewrites it may compute less.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Inventory {
    /// Height and width of the input that the costs are for, in pixels.
    pub input: Size,
    /// The steps that have parameters or multiply.
    pub steps: Vec<Step>,
}

impl Inventory {
    /// Takes stock of the network in `weights` for one input size, whose sides are multiples of 32.
    ///
    /// # Errors
    /// The weights are not those of a YOLOv10; the sides are not multiples of 32, or not within [`Size::SIDES`].
    pub fn new(weights: &Arc<Weights>, input: Size) -> Result<Self, Error> {
        check_input(input, *Size::SIDES.end())?;
        // The device is a formality: no parameter is ever created on it.
        let network = Network::new(weights, &Device::flex())?;
        let steps = Rc::new(RefCell::new(Vec::new()));
        let shape = [RGB, input.height, input.width];
        network.forward(Outline { shape, steps: Rc::clone(&steps), paths: Rc::new(ParameterPaths::of(&network)) });
        let steps = steps.take();
        Ok(Self { input, steps })
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        self.steps.iter().map(|step| step.parameters).sum()
    }

    /// Multiplications and additions for one picture.
    pub fn flops(&self) -> u64 {
        self.steps.iter().map(|step| step.flops).sum()
    }
}

/// The shape of a feature map `[C, H, W]`, and the log that all maps of one network share.
#[derive(Clone)]
struct Outline {
    shape: [usize; 3],
    steps: Rc<RefCell<Vec<Step>>>,
    paths: Rc<ParameterPaths>,
}

impl Outline {
    fn with_shape(self, shape: [usize; 3]) -> Self {
        Self { shape, ..self }
    }
}

impl FeatureMap for Outline {
    fn channels(&self) -> usize {
        self.shape[0]
    }

    fn conv(self, conv: &Conv) -> Self {
        let [_, height, width] = self.shape;
        let (kernel, stride) = (conv.filter.kernel, conv.filter.stride);
        let output = [conv.channels_out, height.div_ceil(stride), width.div_ceil(stride)];
        let inputs = if conv.filter.depthwise { 1 } else { conv.channels_in };
        let products = output.iter().product::<usize>() * inputs * kernel * kernel;
        let weight = self.paths.get(conv.weight.id.val());
        self.steps.borrow_mut().push(Step {
            path: weight.trim_end_matches(".weight").to_owned(),
            parameters: conv.channels_out * (inputs * kernel * kernel + 1),
            flops: 2 * products as u64,
            output,
        });
        self.with_shape(output)
    }

    fn add(self, _: Self) -> Self {
        self
    }

    fn concat(maps: Vec<Self>) -> Self {
        let channels = maps.iter().map(Self::channels).sum();
        let first = maps.into_iter().next().expect("a concatenation has parts");
        let [_, height, width] = first.shape;
        first.with_shape([channels, height, width])
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let [_, height, width] = self.shape;
        sizes.map(|channels| self.clone().with_shape([channels, height, width]))
    }

    fn max_pool(self, _kernel: usize) -> Self {
        self
    }

    fn upsample(self) -> Self {
        let [channels, height, width] = self.shape;
        self.with_shape([channels, 2 * height, 2 * width])
    }

    fn attention(query: Self, _key: Self, value: Self, _heads: usize) -> Self {
        let [channels, height, width] = value.shape;
        let positions = height * width;
        value.steps.borrow_mut().push(Step {
            path: "attention".to_owned(),
            parameters: 0,
            flops: 2 * (positions * positions * (query.channels() + channels)) as u64,
            output: value.shape,
        });
        value
    }
}
