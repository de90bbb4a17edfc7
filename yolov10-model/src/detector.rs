//! The detector: pictures in, detections out, everything in between owned by one value.

use std::ops::Add;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;
use yolov10_cpu::InputPlanes;

use crate::backbone::RGB;
use crate::decode::{Decoder, Selection};
use crate::detection::Detection;
use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::engine::gpu::GpuEngine;
use crate::engine::{NativeEngine, TensorEngine};
use crate::error::Error;
use crate::isolation::Geometry;
use crate::letterbox::{Fit, Letterbox, input_of};
use crate::memory::{Bytes, FreeReport, MemoryReport, resident};
use crate::precision::Precision;
use crate::resample::Resampler;
use crate::size::Size;
use crate::weights::Weights;

/// White, in the pictures' levels.
const WHITE: f32 = 255.0;

/// How a detector is made and what it keeps of what it finds.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to compute.
    pub device: Device,
    /// The largest input, in pixels, its sides within [`Size::SIDES`] and raised to multiples of 32;
    /// [`Weights::input_size`] if `None`.
    pub input: Option<Size>,
    /// Whether a picture gets all of it or the smallest part it fits into.
    pub fit: Fit,
    /// Which detections to keep.
    pub selection: Selection,
    /// The numbers that are multiplied; the device's usual ones if `None`: f32 on a processor, TF32 on a GPU.
    pub precision: Option<Precision>,
    /// The native CPU engine's own choices.
    pub cpu: yolov10_cpu::Options,
}

/// How long the stages of one call took, per picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Speed {
    /// Letterbox and normalisation.
    pub preprocess: Duration,
    /// The network.
    pub inference: Duration,
    /// Ranking and decoding.
    pub postprocess: Duration,
}

impl Speed {
    /// The share of each of `pictures` that took this long together.
    fn per(self, pictures: usize) -> Self {
        let pictures = u32::try_from(pictures.max(1)).unwrap_or(u32::MAX);
        Self {
            preprocess: self.preprocess / pictures,
            inference: self.inference / pictures,
            postprocess: self.postprocess / pictures,
        }
    }
}

impl Add for Speed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            preprocess: self.preprocess + other.preprocess,
            inference: self.inference + other.inference,
            postprocess: self.postprocess + other.postprocess,
        }
    }
}

/// A YOLOv10 ready to run. It owns weights, workspace and threads, and gives all of them back when it is dropped.
///
/// It is `Send`: it may be made on one thread, used on a second and dropped on a third. [`Detector::detect`] takes
/// `&mut self` because one workspace serves one picture at a time, so that sharing it between threads (`Sync`) would
/// be of no use; two threads want two detectors. [`memory`](crate::memory) says what it holds when.
pub struct Detector {
    engine: Engine,
    class_names: Vec<String>,
    largest: Size,
    fit: Fit,
    selection: Selection,
    resampler: Resampler,
    decoder: Decoder,
    speed: Speed,
}

enum Engine {
    Native(Box<NativeEngine>),
    Tensors(Box<TensorEngine>),
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuEngine>),
}

impl Engine {
    /// # Errors
    /// The weights are not a YOLOv10's, the device is not to be had or can't do what is asked of it.
    fn new(weights: &Arc<Weights>, options: &Options) -> Result<Self, Error> {
        let Options { device, precision, .. } = *options;
        let unsupported = |found: Precision, expected: &str| Error::PrecisionUnsupported {
            device: device.to_string(),
            found: found.to_string(),
            expected: expected.to_owned(),
        };
        if device != Device::Cpu && options.cpu.memory_limit.is_some() {
            return Err(Error::LimitUnsupported { device: device.to_string() });
        }
        let assignment = options.selection.assignment;
        match device {
            Device::Cpu => {
                let precision = match precision {
                    None => options.cpu.precision,
                    Some(Precision::F32) => yolov10_cpu::Precision::F32,
                    Some(Precision::Bf16) => yolov10_cpu::Precision::Bf16,
                    Some(found) => return Err(unsupported(found, "f32 or bf16")),
                };
                let options = yolov10_cpu::Options { precision, ..options.cpu.clone() };
                let engine = NativeEngine::new(weights, assignment, &options)?;
                Ok(Self::Native(Box::new(engine)))
            }
            Device::Flex => {
                if let Some(found) = precision.filter(|precision| *precision != Precision::F32) {
                    return Err(unsupported(found, "f32"));
                }
                let engine = TensorEngine::new(weights, assignment, device.open()?)?;
                Ok(Self::Tensors(Box::new(engine)))
            }
            #[cfg(feature = "gpu")]
            Device::Cuda(_) | Device::Wgpu => {
                let precision = precision.unwrap_or(Precision::Tf32);
                let engine = GpuEngine::new(weights, &options.selection, device, precision)?;
                Ok(Self::Gpu(Box::new(engine)))
            }
            #[cfg(not(feature = "gpu"))]
            Device::Cuda(_) | Device::Wgpu => {
                let error = device.open().err();
                Err(error.expect("a GPU needs the feature of its engine"))
            }
        }
    }
}

impl Detector {
    /// Makes a detector; the weights are copied to its device and not kept.
    ///
    /// # Errors
    /// The weights are not a YOLOv10's, the device is not to be had, the input size is out of bounds.
    pub fn new(weights: &Arc<Weights>, options: &Options) -> Result<Self, Error> {
        let largest = options.input.map_or(Ok(weights.input_size()), input_of)?;
        let engine = Engine::new(weights, options)?;
        Ok(Self {
            engine,
            class_names: weights.class_names().to_vec(),
            largest,
            fit: options.fit,
            selection: options.selection.clone(),
            resampler: Resampler::default(),
            decoder: Decoder::default(),
            speed: Speed::default(),
        })
    }

    /// What the detections' class numbers mean.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How long the stages of the last call took, per picture.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether its GPU refused to hold the network as a graph, which it is asked to when an input size comes a second
    /// time: then every run launches its kernels one by one, slower but with the same results.
    pub fn graphs_refused(&self) -> bool {
        match &self.engine {
            Engine::Native(_) | Engine::Tensors(_) => false,
            #[cfg(feature = "gpu")]
            Engine::Gpu(engine) => engine.graphs_refused(),
        }
    }

    /// How it lays pictures into its input.
    pub(crate) fn geometry(&self) -> Geometry {
        Geometry { largest: self.largest, fit: self.fit }
    }

    /// Where a picture of this size lies in the network's input.
    ///
    /// # Errors
    /// The picture has no pixels.
    pub fn letterbox(&self, image: Size) -> Result<Letterbox, Error> {
        Letterbox::new(image, self.largest, self.fit)
    }

    /// The objects in a picture, best first, in pixels of the picture.
    ///
    /// # Errors
    /// The picture has no pixels, or the device fails.
    pub fn detect(&mut self, image: &RgbImage) -> Result<Vec<Detection>, Error> {
        let letterbox = self.letterbox(Size::of(image))?;
        let found = self.detect_in_input(image, &letterbox)?;
        Ok(in_image(found, &letterbox))
    }

    /// The objects in each of several pictures, as [`Detector::detect`] finds them one by one. A GPU takes those that
    /// share an input size in one go.
    ///
    /// # Errors
    /// A picture has no pixels, or the device fails.
    pub fn detect_batch(&mut self, images: &[RgbImage]) -> Result<Vec<Vec<Detection>>, Error> {
        let letterboxes = images.iter().map(|image| self.letterbox(Size::of(image))).collect::<Result<Vec<_>, _>>()?;
        let pictures: Vec<_> = images.iter().zip(&letterboxes).collect();
        let found = self.detect_batch_in_input(&pictures)?;
        let pairs = found.into_iter().zip(&letterboxes);
        Ok(pairs.map(|(found, letterbox)| in_image(found, letterbox)).collect())
    }

    /// The objects in a picture that lies in the input as `letterbox` says, best first, in pixels of the input.
    /// For a geometry other than [`Detector::letterbox`], as validation has it.
    ///
    /// # Errors
    /// The letterbox is one of another picture's size, its input is none that the network can take or does not hold
    /// its picture, or the device fails.
    pub fn detect_in_input(&mut self, image: &RgbImage, letterbox: &Letterbox) -> Result<Vec<Detection>, Error> {
        let mut found = Vec::new();
        self.speed = self.run(&[(image, letterbox)], slice::from_mut(&mut found))?;
        Ok(found)
    }

    /// The same for several pictures, as [`Detector::detect_batch`] takes them.
    ///
    /// # Errors
    /// As [`Detector::detect_in_input`].
    pub fn detect_batch_in_input(
        &mut self,
        pictures: &[(&RgbImage, &Letterbox)],
    ) -> Result<Vec<Vec<Detection>>, Error> {
        let mut found = vec![Vec::new(); pictures.len()];
        let mut total = Speed::default();
        for batch in self.batches(pictures) {
            let members: Vec<_> = batch.iter().map(|index| pictures[*index]).collect();
            let mut results = vec![Vec::new(); members.len()];
            total = total + self.run(&members, &mut results)?;
            for (index, result) in batch.into_iter().zip(results) {
                found[index] = result;
            }
        }
        self.speed = total.per(pictures.len());
        Ok(found)
    }

    /// Which pictures go together: on a GPU those of one input size, elsewhere each goes alone.
    fn batches(&self, pictures: &[(&RgbImage, &Letterbox)]) -> Vec<Vec<usize>> {
        match &self.engine {
            Engine::Native(_) | Engine::Tensors(_) => (0..pictures.len()).map(|index| vec![index]).collect(),
            #[cfg(feature = "gpu")]
            Engine::Gpu(_) => {
                let mut batches: Vec<(Size, Vec<usize>)> = Vec::new();
                for (index, (_, letterbox)) in pictures.iter().enumerate() {
                    match batches.iter_mut().find(|(input, _)| *input == letterbox.input) {
                        Some((_, batch)) => batch.push(index),
                        None => batches.push((letterbox.input, vec![index])),
                    }
                }
                batches.into_iter().map(|(_, batch)| batch).collect()
            }
        }
    }

    /// Puts the objects in pictures that go together into `found`, and says how long that took in all.
    fn run(&mut self, pictures: &[(&RgbImage, &Letterbox)], found: &mut [Vec<Detection>]) -> Result<Speed, Error> {
        for (image, letterbox) in pictures {
            letterbox.check(Size::of(image))?;
        }
        let (image, letterbox) = pictures.first().expect("there is a picture to look at");
        let started = Instant::now();
        let Self { resampler, decoder, selection, .. } = self;
        let mut preprocessed = Duration::ZERO;
        let inferred = match &mut self.engine {
            Engine::Native(engine) => engine.run(
                letterbox.input,
                |planes| {
                    fill_planes(resampler, image, letterbox, planes);
                    preprocessed = started.elapsed();
                },
                |maps| {
                    let inferred = started.elapsed();
                    found[0] = decoder.decode(maps, selection);
                    inferred
                },
            )?,
            Engine::Tensors(engine) => {
                let planes = contiguous_planes(resampler, image, letterbox);
                preprocessed = started.elapsed();
                engine.run(letterbox.input, planes, |maps| {
                    let inferred = started.elapsed();
                    found[0] = decoder.decode(maps, selection);
                    inferred
                })?
            }
            #[cfg(feature = "gpu")]
            Engine::Gpu(engine) => {
                let tables = engine.run(pictures, || preprocessed = started.elapsed())?;
                let inferred = started.elapsed();
                let classes = self.class_names.len();
                for (found, rows) in found.iter_mut().zip(tables.iter()) {
                    *found = decoder.decode_rows(rows, classes, letterbox.input, selection);
                }
                inferred
            }
        };
        Ok(Speed {
            preprocess: preprocessed,
            inference: inferred - preprocessed,
            postprocess: started.elapsed() - inferred,
        })
    }

    /// What it holds now.
    pub fn memory(&self) -> MemoryReport {
        let engine = match &self.engine {
            Engine::Native(engine) => engine.witness().memory(),
            Engine::Tensors(engine) => engine.memory(),
            #[cfg(feature = "gpu")]
            Engine::Gpu(engine) => engine.memory(),
        };
        MemoryReport {
            staging: engine.staging + Bytes::used(self.resampler.bytes() + self.decoder.bytes()),
            resident: resident(),
            ..engine
        }
    }

    /// Gives back everything but the weights. The next picture takes it again.
    ///
    /// # Errors
    /// The device fails, or keeps some of it.
    pub fn trim(&mut self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        match &mut self.engine {
            Engine::Native(engine) => engine.trim(),
            Engine::Tensors(engine) => engine.trim()?,
            #[cfg(feature = "gpu")]
            Engine::Gpu(engine) => engine.trim()?,
        }
        self.resampler = Resampler::default();
        self.decoder = Decoder::default();
        let after = self.memory();
        FreeReport::new(before, after, after.workspace, started.elapsed()).checked()
    }

    /// Drops it and makes sure: every byte that it had reserved has gone back.
    ///
    /// # Errors
    /// Some have not.
    pub fn close(self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        let witness = match &self.engine {
            Engine::Native(engine) => engine.witness(),
            Engine::Tensors(engine) => engine.witness(),
            #[cfg(feature = "gpu")]
            Engine::Gpu(engine) => engine.witness(),
        };
        drop(self);
        let after = MemoryReport { resident: resident(), ..witness.memory() };
        let left = after.weights + after.workspace;
        FreeReport::new(before, after, left, started.elapsed()).checked()
    }
}

/// Detections of an input, in pixels of the picture.
fn in_image(found: Vec<Detection>, letterbox: &Letterbox) -> Vec<Detection> {
    found.into_iter().map(|found| Detection { rect: letterbox.to_image(found.rect), ..found }).collect()
}

/// Letterboxes `image` into the engine's own input planes, RGB in 0..1.
fn fill_planes(resampler: &mut Resampler, image: &RgbImage, letterbox: &Letterbox, mut planes: InputPlanes<'_>) {
    resampler.rows(image, letterbox, 0..letterbox.input.height, |y, row| {
        for channel in 0..RGB {
            normalize(row, channel, planes.row_mut(channel, y));
        }
    });
}

/// The same into planes `[3, H, W]` one after another.
fn contiguous_planes(resampler: &mut Resampler, image: &RgbImage, letterbox: &Letterbox) -> Vec<f32> {
    let Size { height, width } = letterbox.input;
    let mut planes = vec![0.0; RGB * height * width];
    resampler.rows(image, letterbox, 0..height, |y, row| {
        for channel in 0..RGB {
            normalize(row, channel, &mut planes[(channel * height + y) * width..][..width]);
        }
    });
    planes
}

/// One channel of a row of RGB levels, 0..255, to 0..1.
fn normalize(row: &[u8], channel: usize, values: &mut [f32]) {
    let (pixels, _) = row.as_chunks::<RGB>();
    for (value, pixel) in values.iter_mut().zip(pixels) {
        *value = f32::from(pixel[channel]) / WHITE;
    }
}
