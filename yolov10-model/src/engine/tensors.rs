//! The network as burn tensors on a device: the reference on the CPU (burn-flex), and the way to a GPU.

use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::module::{conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use yolov10_cpu::MapView;

use crate::backbone::RGB;
use crate::blocks::{Activation, Conv};
use crate::{
    error::Error, feature_map::FeatureMap, head::RawMaps, letterbox::Size, network::Network, weights::Weights,
};

impl FeatureMap for Tensor<4> {
    fn channels(&self) -> usize {
        let [_, channels, ..] = self.dims();
        channels
    }

    fn conv(self, conv: &Conv) -> Self {
        let filter = conv.filter;
        let groups = if filter.depthwise { conv.channels_in } else { 1 };
        let padding = filter.kernel / 2;
        let options = ConvOptions::new([filter.stride; 2], [padding; 2], [1, 1], groups);
        let output = conv2d(self, conv.weight.val(), Some(conv.bias.val()), options);
        match filter.activation {
            Activation::Identity => output,
            // burn's own silu takes two exponentials and a logarithm.
            Activation::Silu => output.clone() / (output.neg().exp() + 1.0),
        }
    }

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn concat(maps: Vec<Self>) -> Self {
        Tensor::cat(maps, 1)
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let mut start = 0;
        sizes.map(|size| {
            start += size;
            self.clone().narrow(1, start - size, size)
        })
    }

    fn max_pool(self, kernel: usize) -> Self {
        let options = MaxPoolOptions::new([kernel; 2]).with_stride([1, 1]).with_padding([kernel / 2; 2]);
        max_pool2d(self, options)
    }

    fn upsample(self) -> Self {
        let [_, _, height, width] = self.dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * height, 2 * width]);
        interpolate(self, options)
    }

    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self {
        let [batch, channels, height, width] = value.dims();
        let positions = height * width;
        // [B, heads * C, H, W] -> [B, heads, C, H * W]
        let per_head = |map: Self| {
            let [_, channels, ..] = map.dims();
            map.reshape([batch, heads, channels / heads, positions])
        };
        let (query, key, value) = (per_head(query), per_head(key), per_head(value));
        let [_, _, key_channels, _] = key.dims();
        let scale = (key_channels as f64).powf(-0.5);
        let attended = softmax((query.swap_dims(2, 3) * scale).matmul(key), 3);
        value.matmul(attended.swap_dims(2, 3)).reshape([batch, channels, height, width])
    }
}

/// The network on one device.
pub struct TensorEngine {
    network: Network,
    device: Device,
}

impl TensorEngine {
    /// Reads the weights to `device`.
    ///
    /// # Errors
    /// They are not a YOLOv10's.
    pub fn new(weights: &Arc<Weights>, device: Device) -> Result<Self, Error> {
        let network = Network::new(weights, &device)?;
        network.read_parameters();
        Ok(Self { network, device })
    }

    /// One picture, planes `[3, H, W]` in 0..1 one after another; `read` sees the raw maps.
    pub fn run<R>(&mut self, input: Size, planes: Vec<f32>, read: impl FnOnce(&RawMaps<MapView<'_>>) -> R) -> R {
        let shape = [1, RGB, input.height, input.width];
        let image = Tensor::<4>::from_data(TensorData::new(planes, shape), &self.device);
        let RawMaps { boxes, classes } = self.network.forward(image);
        let (boxes, classes) = (boxes.map(HostMap::new), classes.map(HostMap::new));
        read(&RawMaps {
            boxes: boxes.each_ref().map(HostMap::view),
            classes: classes.each_ref().map(HostMap::view),
        })
    }
}

/// One picture's raw map, copied from the device.
struct HostMap {
    data: TensorData,
    channels: usize,
    height: usize,
    width: usize,
}

impl HostMap {
    fn new(map: Tensor<4>) -> Self {
        let [_, channels, height, width] = map.dims();
        Self { data: map.into_data().convert::<f32>(), channels, height, width }
    }

    fn view(&self) -> MapView<'_> {
        let values = self.data.as_slice::<f32>().expect("the map was converted to f32");
        MapView::planar(values, self.channels, self.height, self.width)
    }
}
