//! The detector: pictures in, detections out, everything in between owned by one value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;
use yolov10_cpu::InputPlanes;

use crate::backbone::RGB;
use crate::decode::{Decoder, Selection};
use crate::detection::Detection;
use crate::device::Device;
use crate::engine::{NativeEngine, TensorEngine};
use crate::error::Error;
use crate::isolation::Geometry;
use crate::letterbox::{Fit, Letterbox, Size};
use crate::memory::{Bytes, FreeReport, MemoryReport, resident};
use crate::resample::Resampler;
use crate::weights::Weights;

/// Side of the input where neither the caller nor the checkpoint says, in pixels.
const DEFAULT_SIDE: usize = 640;
/// White, in the pictures' levels.
const WHITE: f32 = 255.0;

/// How a detector is made and what it keeps of what it finds.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to compute.
    pub device: Device,
    /// The largest input, in pixels, raised to multiples of 32; the size the checkpoint was trained at if `None`.
    pub input: Option<Size>,
    /// Whether a picture gets all of it or the smallest part it fits into.
    pub fit: Fit,
    /// Which detections to keep.
    pub selection: Selection,
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
}

impl Detector {
    /// Makes a detector; the weights are copied to its device and not kept.
    ///
    /// # Errors
    /// The weights are not a YOLOv10's, the device is not to be had, the input size is 0.
    pub fn new(weights: &Arc<Weights>, options: &Options) -> Result<Self, Error> {
        let trained = weights
            .trained_size()
            .map(|[height, width]| Size { height, width });
        let largest = options
            .input
            .or(trained)
            .unwrap_or(Size::square(DEFAULT_SIDE))
            .to_stride();
        if largest.height == 0 || largest.width == 0 {
            return Err(Error::InputSize {
                found: largest,
                stride: crate::letterbox::STRIDE,
            });
        }
        let engine = match options.device {
            Device::Cpu => Engine::Native(Box::new(NativeEngine::new(
                weights,
                options.selection.assignment,
                &options.cpu,
            )?)),
            other if options.cpu.memory_limit.is_some() => {
                return Err(Error::LimitUnsupported {
                    device: other.to_string(),
                });
            }
            other => Engine::Tensors(Box::new(TensorEngine::new(
                weights,
                options.selection.assignment,
                other.open()?,
            )?)),
        };
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

    /// How it lays pictures into its input.
    pub(crate) fn geometry(&self) -> Geometry {
        Geometry {
            largest: self.largest,
            fit: self.fit,
        }
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
        let letterbox = self.letterbox(size_of(image))?;
        let found = self.detect_in_input(image, &letterbox)?;
        Ok(found
            .into_iter()
            .map(|found| Detection {
                rect: letterbox.to_image(found.rect),
                ..found
            })
            .collect())
    }

    /// The objects in a picture that lies in the input as `letterbox` says, best first, in pixels of the input.
    /// For a geometry other than [`Detector::letterbox`], as validation has it.
    ///
    /// # Errors
    /// The input is not a multiple of 32, or the device fails.
    ///
    /// # Panics
    /// The letterbox is one of another picture size.
    pub fn detect_in_input(
        &mut self,
        image: &RgbImage,
        letterbox: &Letterbox,
    ) -> Result<Vec<Detection>, Error> {
        assert_eq!(
            letterbox.image,
            size_of(image),
            "a letterbox is for pictures of one size"
        );
        let started = Instant::now();
        let Self {
            resampler,
            decoder,
            selection,
            ..
        } = self;
        let mut preprocessed = Duration::ZERO;
        let (detections, inferred) = match &mut self.engine {
            Engine::Native(engine) => engine.run(
                letterbox.input,
                |planes| {
                    fill_planes(resampler, image, letterbox, planes);
                    preprocessed = started.elapsed();
                },
                |maps| {
                    let inferred = started.elapsed();
                    (decoder.decode(maps, selection), inferred)
                },
            )?,
            Engine::Tensors(engine) => {
                let planes = contiguous_planes(resampler, image, letterbox);
                preprocessed = started.elapsed();
                engine.run(letterbox.input, planes, |maps| {
                    let inferred = started.elapsed();
                    (decoder.decode(maps, selection), inferred)
                })?
            }
        };
        self.speed = Speed {
            preprocess: preprocessed,
            inference: inferred - preprocessed,
            postprocess: started.elapsed() - inferred,
        };
        Ok(detections)
    }

    /// What it holds now.
    pub fn memory(&self) -> MemoryReport {
        let engine = match &self.engine {
            Engine::Native(engine) => engine.witness().memory(),
            Engine::Tensors(engine) => engine.memory(),
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
        };
        drop(self);
        let after = MemoryReport {
            resident: resident(),
            ..witness.memory()
        };
        let left = after.weights + after.workspace;
        FreeReport::new(before, after, left, started.elapsed()).checked()
    }
}

fn size_of(image: &RgbImage) -> Size {
    Size {
        height: image.height() as usize,
        width: image.width() as usize,
    }
}

/// Letterboxes `image` into the engine's own input planes, RGB in 0..1.
fn fill_planes(
    resampler: &mut Resampler,
    image: &RgbImage,
    letterbox: &Letterbox,
    mut planes: InputPlanes<'_>,
) {
    resampler.rows(image, letterbox, 0..letterbox.input.height, |y, row| {
        for channel in 0..RGB {
            normalize(row, channel, planes.row_mut(channel, y));
        }
    });
}

/// The same into planes `[3, H, W]` one after another.
fn contiguous_planes(
    resampler: &mut Resampler,
    image: &RgbImage,
    letterbox: &Letterbox,
) -> Vec<f32> {
    let Size { height, width } = letterbox.input;
    let mut planes = vec![0.0; RGB * height * width];
    resampler.rows(image, letterbox, 0..height, |y, row| {
        for channel in 0..RGB {
            normalize(
                row,
                channel,
                &mut planes[(channel * height + y) * width..][..width],
            );
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
