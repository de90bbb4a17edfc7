//! The network on the native CPU engine: traced once into a plan, its weights packed straight from the file.

use std::sync::Arc;

use burn::tensor::Device;
use yolov10_cpu::{Engine, InputPlanes, MapView, Options, Value};

use super::Witness;
use crate::backbone::RGB;
use crate::blocks::{Activation, Conv};
use crate::scope::ParameterPaths;
use crate::suppression::Assignment;
use crate::weights::Weights;
use crate::{error::Error, feature_map::FeatureMap, head::RawMaps, network::Network, size::Size};

/// Tracing: the network's forward over these describes it to the engine.
impl FeatureMap for Value {
    fn channels(&self) -> usize {
        self.channels()
    }

    fn conv(self, conv: &Conv) -> Self {
        let groups = if conv.filter.depthwise { conv.channels_in } else { 1 };
        Value::conv(
            &self,
            yolov10_cpu::Conv {
                key: conv.weight.id.val(),
                channels_in: conv.channels_in,
                channels_out: conv.channels_out,
                kernel: conv.filter.kernel,
                stride: conv.filter.stride,
                groups,
                activation: match conv.filter.activation {
                    Activation::Identity => yolov10_cpu::Activation::Identity,
                    Activation::Silu => yolov10_cpu::Activation::Silu,
                },
            },
        )
    }

    fn add(self, other: Self) -> Self {
        Value::add(&self, &other)
    }

    fn concat(maps: Vec<Self>) -> Self {
        Value::concat(&maps)
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let mut start = 0;
        sizes.map(|size| {
            start += size;
            self.slice(start - size..start)
        })
    }

    fn max_pool(self, kernel: usize) -> Self {
        Value::max_pool(&self, kernel)
    }

    fn upsample(self) -> Self {
        Value::upsample(&self)
    }

    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self {
        Value::attention(&query, &key, &value, heads)
    }
}

/// A plan, its packed weights, its arena and its threads.
pub struct NativeEngine(pub(crate) Engine);

impl NativeEngine {
    /// Packs the weights; nothing of `weights` is kept.
    pub fn new(weights: &Arc<Weights>, assignment: Assignment, options: &Options) -> Result<Self, Error> {
        // The device is a formality: no parameter is ever made on it.
        let network = Network::new(weights, &Device::flex())?;
        let RawMaps { boxes, classes } = network.forward_as(assignment, Value::input(RGB))?;
        let outputs: Vec<Value> = boxes.into_iter().chain(classes).collect();
        let paths = ParameterPaths::of(&network);
        let engine = Engine::new(&outputs, options, |key, weight, bias| {
            let path = paths.get(key);
            weights.read(path, weight);
            weights.read(&bias_of(path), bias);
            Ok::<_, Error>(())
        })?;
        Ok(Self(engine))
    }

    /// One picture: `fill` writes the input, `read` sees the raw maps.
    pub fn run<R>(
        &mut self,
        input: Size,
        fill: impl FnOnce(InputPlanes<'_>),
        read: impl FnOnce(&RawMaps<MapView<'_>>) -> R,
    ) -> Result<R, Error> {
        let result = self.0.run(input.height, input.width, fill, |maps| {
            let [box3, box4, box5, class3, class4, class5] = *maps else {
                unreachable!("the network was traced with six outputs, found {}", maps.len())
            };
            read(&RawMaps { boxes: [box3, box4, box5], classes: [class3, class4, class5] })
        })?;
        Ok(result)
    }
}

impl NativeEngine {
    /// Who counts its bytes.
    pub(crate) fn witness(&self) -> Witness {
        Witness::Pages(self.0.ledgers())
    }

    /// Gives plans and workspace back.
    pub(crate) fn trim(&mut self) {
        self.0.trim();
    }
}

/// The key of the bias beside a weight.
fn bias_of(weight: &str) -> String {
    let conv = weight.strip_suffix("weight").expect("a convolution is known by its weight's key");
    format!("{conv}bias")
}
