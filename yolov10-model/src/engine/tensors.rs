//! The network as burn tensors on a device: the reference on the CPU (burn-flex), and the way to a GPU.
//!
//! Everything that touches the device happens in the network's own [`Home`], which says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::module::{conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use yolov10_cpu::MapView;

use super::{Remains, home::Home};
use crate::error::Error;
use crate::memory::{Bytes, MemoryReport};
use crate::network::{Activation, Conv, FeatureMap, Network, RawMaps};
use crate::selection::Assignment;
use crate::size::{RGB, Size};
use crate::weights::{ParameterForm, Weights};

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
        activate(output, filter.activation)
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
        // [B, heads * C, H, W] -> [B, heads, C, H * W]
        let per_head = |map: Tensor<4>| {
            let [_, channels, ..] = map.dims();
            map.reshape([batch, heads, channels / heads, height * width])
        };
        let (query, key, value) = (per_head(query), per_head(key), per_head(value));
        let [_, _, key_channels, _] = key.dims();
        let scores = (query.swap_dims(2, 3) * (key_channels as f64).powf(-0.5)).matmul(key);
        value.matmul(softmax(scores, 3).swap_dims(2, 3)).reshape([batch, channels, height, width])
    }
}

pub fn activate(map: Tensor<4>, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::Identity => map,
        // burn's own silu takes two exponentials and a logarithm.
        Activation::Silu => map.clone() / (map.neg().exp() + 1.0),
    }
}

/// The network on one device. Dropping it, on any thread, gives everything back before `drop` returns; parameters that
/// engines share go back with the last of them.
pub struct TensorEngine {
    /// `None` once it is dropped.
    network: Option<Network>,
    assignment: Assignment,
    /// One for all engines that share the parameters: in separate streams, each kernel would have to wait for an event of
    /// another engine, which it must not while a graph is being recorded.
    home: Home,
    /// One for each of them.
    sharers: Option<Arc<()>>,
    /// After the drop: whether this was the last.
    was_last: Arc<AtomicBool>,
}

impl TensorEngine {
    /// Reads the weights to `device`.
    ///
    /// # Errors
    /// They are not those of a YOLOv10, or the device fails, in which case nothing stays there.
    pub fn new(weights: &Arc<Weights>, assignment: Assignment, device: Device) -> Result<Self, Error> {
        Self::with_form(weights, assignment, device, ParameterForm::default())
    }

    /// The same, with parameters in the given form.
    pub(crate) fn with_form(
        weights: &Arc<Weights>,
        assignment: Assignment,
        device: Device,
        form: ParameterForm,
    ) -> Result<Self, Error> {
        let network = Network::with_form(weights, &device, form)?;
        network.expect_head(assignment)?;
        let home = Home::new(device);
        // From here on the engine's drop cleans up, whatever happens.
        let mut engine =
            Self { network: None, assignment, home, sharers: Some(Arc::default()), was_last: Arc::default() };
        engine.network = Some(engine.home.load(network, |network| {
            network.read_parameters();
            network
        }));
        engine.trim()?;
        Ok(engine)
    }

    /// One picture, planes `[3, H, W]` in 0..1 one after another; `read` sees the raw maps.
    ///
    /// # Errors
    /// The device fails.
    pub fn run<R>(
        &mut self,
        input: Size,
        planes: Vec<f32>,
        read: impl FnOnce(&RawMaps<MapView<'_>>) -> R,
    ) -> Result<R, Error> {
        let shape = [1, RGB, input.height, input.width];
        let network = self.network.as_ref().expect("only drop takes the network");
        let (boxes, classes) = self.home.enter(|| {
            let image = Tensor::<4>::from_data(TensorData::new(planes, shape), self.home.device());
            let RawMaps { boxes, classes } = network.forward_as(self.assignment, image)?;
            Ok::<_, Error>((HostMap::copy(boxes)?, HostMap::copy(classes)?))
        })?;
        Ok(read(&RawMaps {
            boxes: boxes.each_ref().map(HostMap::view),
            classes: classes.each_ref().map(HostMap::view),
        }))
    }

    /// The network, its parameters on the device.
    #[cfg(feature = "gpu")]
    pub(crate) fn network(&self) -> &Network {
        self.network.as_ref().expect("only drop takes the network")
    }

    /// Where it is.
    #[cfg(feature = "gpu")]
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Another engine over the same parameters.
    pub(crate) fn share(&self) -> Self {
        Self {
            network: self.network.clone(),
            assignment: self.assignment,
            home: self.home.clone(),
            sharers: self.sharers.clone(),
            was_last: Arc::default(),
        }
    }

    /// How many engines use its parameters, itself included.
    pub(crate) fn sharers(&self) -> usize {
        self.sharers.as_ref().map_or(0, Arc::strong_count)
    }

    /// Gives everything but the weights back; returns what remained of the workspace, unless others still use the stream.
    pub(crate) fn trim(&mut self) -> Result<Bytes, Error> {
        self.home.give_back()?;
        Ok(if self.sharers() > 1 { Bytes::default() } else { self.home.memory().workspace })
    }

    /// What it holds now.
    pub(crate) fn memory(&self) -> MemoryReport {
        if self.home.counts() {
            return self.home.memory();
        }
        // burn-flex counts nothing; between runs it holds the parameters.
        let parameters = self.network.as_ref().map_or(0, Module::num_params);
        MemoryReport { weights: Bytes::used(parameters * size_of::<f32>()), ..MemoryReport::default() }
    }

    /// To be called once this engine is dropped: what is left.
    pub(crate) fn remains(&self) -> impl FnOnce() -> Remains + use<> {
        let (home, weights, was_last) = (self.home.clone(), self.memory().weights, Arc::clone(&self.was_last));
        move || {
            let held = home.memory();
            match was_last.load(Ordering::Relaxed) {
                true => Remains { residue: held.weights + held.workspace, held },
                false => Remains { held: MemoryReport { weights, ..held }, residue: Bytes::default() },
            }
        }
    }
}

impl Drop for TensorEngine {
    fn drop(&mut self) {
        // Queued work may still read the weights, and their frees are queued as well: so once before and once after.
        // A failure can't be reported from here; `Detector::close` is the drop that checks.
        self.home.give_back().ok();
        let network = self.network.take();
        self.home.alone(|| drop(network));
        self.home.give_back().ok();
        // If several are dropped at once, one of them is the last.
        let was_last = self.sharers.take().is_some_and(|sharer| Arc::into_inner(sharer).is_some());
        self.was_last.store(was_last, Ordering::Relaxed);
    }
}

/// One picture's raw map, in the host's own memory.
struct HostMap {
    values: Vec<f32>,
    channels: usize,
    height: usize,
    width: usize,
}

impl HostMap {
    /// Three scales at once.
    fn copy([p3, p4, p5]: [Tensor<4>; 3]) -> Result<[Self; 3], Error> {
        Ok([Self::new(p3)?, Self::new(p4)?, Self::new(p5)?])
    }

    fn new(map: Tensor<4>) -> Result<Self, Error> {
        let [_, channels, height, width] = map.dims();
        let data = map.try_into_data().map_err(Error::device)?.convert::<f32>();
        // Copied at once: what a device returns may be a view that keeps its memory alive.
        let values = data.as_slice::<f32>().expect("the map was converted to f32").to_vec();
        Ok(Self { values, channels, height, width })
    }

    fn view(&self) -> MapView<'_> {
        MapView::planar(&self.values, self.channels, self.height, self.width)
    }
}
