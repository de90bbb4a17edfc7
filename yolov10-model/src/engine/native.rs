//! The network on the native CPU engine: traced once, with weights packed straight from the file.

use std::slice;
use std::sync::Arc;

use yolov10_cpu::{InputRows, MapView, Value};

use super::{Engine, Remains, unsupported};
use crate::anchors::Anchors;
use crate::device::Device;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::{Bytes, MemoryReport};
use crate::network::{Activation, Conv, FeatureMap, Network, ParameterPaths, RawMaps};
use crate::options::CpuOptions;
use crate::pixels::Pixels;
use crate::precision::Precision;
use crate::resample::Resampler;
use crate::selection::{Assignment, Selection};
use crate::size::{RGB, Size};
use crate::speed::Stopwatch;
use crate::weights::Weights;

/// Tracing: the network's `forward` on these values describes it to the engine.
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

/// The CPU engine, and what is done before and after the network.
pub struct NativeEngine {
    engine: yolov10_cpu::Engine,
    resampler: Resampler,
    anchors: Anchors,
}

impl NativeEngine {
    /// Packs the weights; nothing of `weights` is kept.
    ///
    /// # Errors
    /// They are not those of a YOLOv10, or this machine can't do what is asked of it.
    pub fn new(
        weights: &Arc<Weights>,
        assignment: Assignment,
        options: &CpuOptions,
        precision: Precision,
    ) -> Result<Self, Error> {
        let options = &in_its_words(options, precision)?;
        // The device is a formality: no parameter is ever created on it.
        let network = Network::new(weights, &burn::tensor::Device::flex())?;
        let RawMaps { boxes, classes } = network.forward_as(assignment, Value::input(RGB))?;
        let outputs: Vec<Value> = boxes.into_iter().chain(classes).collect();
        let paths = ParameterPaths::of(&network);
        let engine = yolov10_cpu::Engine::new(&outputs, options, |key, weight, bias| {
            let path = paths.get(key);
            weights.read(path, weight);
            weights.read(&bias_of(path), bias);
            Ok::<_, Error>(())
        })?;
        Self::of(engine)
    }

    fn of(engine: yolov10_cpu::Engine) -> Result<Self, Error> {
        Ok(Self { resampler: Resampler::new(engine.isa())?, engine, anchors: Anchors::default() })
    }

    /// One picture's raw maps, for tests and benchmarks: `fill` writes rows of the input, `read` sees the maps.
    ///
    /// # Errors
    /// The sides are not multiples of 32, or there is no memory for them.
    pub fn look<R>(
        &mut self,
        input: Size,
        fill: impl Fn(InputRows<'_>) + Sync,
        read: impl FnOnce(&RawMaps<MapView<'_>>) -> R,
    ) -> Result<R, Error> {
        Ok(self.engine.run(input.height, input.width, fill, |maps| read(&raw_maps(maps)))?)
    }
}

impl Engine for NativeEngine {
    fn run(
        &mut self,
        pictures: &[(Pixels<'_>, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error> {
        let Some(&(image, letterbox)) = pictures.first() else {
            return Ok(&[]);
        };
        let Self { engine, resampler, anchors } = self;
        let letterboxed = resampler.letterboxed(image, letterbox);
        let fill = |mut rows: InputRows<'_>| {
            for y in rows.range() {
                letterboxed.row(y, rows.planes_mut(y));
            }
            stopwatch.preprocessed();
        };
        engine.run(letterbox.input.height, letterbox.input.width, fill, |maps| {
            stopwatch.inferred();
            anchors.rank(&raw_maps(maps), selection);
        })?;
        Ok(slice::from_ref(anchors))
    }

    fn memory(&self) -> MemoryReport {
        let staging = Bytes::used(self.resampler.bytes() + self.anchors.bytes());
        let yolov10_cpu::Memory { weights, workspace, .. } = self.engine.memory();
        MemoryReport {
            weights: Bytes::used(weights),
            workspace: Bytes::used(workspace),
            staging,
            ..MemoryReport::default()
        }
    }

    fn limit_memory(&mut self, bytes: usize) {
        self.engine.limit_memory(bytes);
    }

    fn trim(&mut self) -> Result<Bytes, Error> {
        self.resampler.trim();
        self.anchors = Anchors::default();
        self.engine.trim();
        Ok(Bytes::used(self.engine.ledgers().workspace.bytes()))
    }

    fn share(&self) -> Result<Box<dyn Engine>, Error> {
        Ok(Box::new(Self::of(self.engine.share()?)?))
    }

    fn sharers(&self) -> usize {
        self.engine.memory().sharers
    }

    fn close(self: Box<Self>) -> Remains {
        let Self { engine, .. } = *self;
        let (ledgers, held) = (engine.ledgers(), engine.memory().weights);
        let freed = engine.close();
        let workspace = Bytes::used(ledgers.workspace.bytes());
        // Weights that another engine uses are still held, and should be.
        let weights = Bytes::used(if freed.weights == 0 { held } else { ledgers.weights.bytes() });
        let residue = if freed.weights == 0 { workspace } else { workspace + weights };
        Remains { held: MemoryReport { weights, workspace, ..MemoryReport::default() }, residue }
    }
}

/// The options as the engine takes them.
fn in_its_words(options: &CpuOptions, precision: Precision) -> Result<yolov10_cpu::Options, Error> {
    let precision = match precision {
        Precision::F32 => yolov10_cpu::Precision::F32,
        Precision::Bf16 => yolov10_cpu::Precision::Bf16,
        found => return Err(unsupported(Device::Cpu, found, "f32 or bf16")),
    };
    let CpuOptions { threads, isa, exact, memory_limit } = *options;
    Ok(yolov10_cpu::Options { threads, isa, exact, precision, memory_limit })
}

/// The outputs, in the order in which the network was traced.
fn raw_maps<'a>(maps: &[MapView<'a>]) -> RawMaps<MapView<'a>> {
    let [box3, box4, box5, class3, class4, class5] = *maps else {
        unreachable!("the network was traced with six outputs, found {}", maps.len())
    };
    RawMaps { boxes: [box3, box4, box5], classes: [class3, class4, class5] }
}

/// The key of the bias that belongs to a weight.
fn bias_of(weight: &str) -> String {
    let conv = weight.strip_suffix("weight").expect("a convolution is known by its weight's key");
    format!("{conv}bias")
}
