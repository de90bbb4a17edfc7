//! The network on a GPU: pictures go up as bytes, a short table of the best anchors comes back, and in between
//! nothing waits for the host.
//!
//! ```text
//! bytes -> letterbox -> network -> best class of each anchor -> ranking -> the best anchors' logits
//! ```
//!
//! YOLOv10 needs no NMS, so everything after the letterbox has one shape per input size and batch: a [`Program`],
//! captured as a graph when the shape comes a second time. The host decodes the table as it does its own.

mod ceilings;
mod fault;
mod graph;
mod kernels;
mod map;
mod operations;
mod picture;
mod run;

pub use self::map::ChannelsLast;

use std::sync::Arc;

use burn::tensor::{DType, Tensor, TensorData};

use self::fault::contain;
use self::graph::Program;
use self::map::Arithmetic;
use super::TensorEngine;
use crate::anchors::{Anchor, Anchors};
use crate::device::{self, Device, MemoryShare};
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::network::{Network, RawMaps};
use crate::pixels::Pixels;
use crate::precision::Precision;
use crate::selection::{Assignment, Selection};
use crate::size::{RGB, Size};
use crate::weights::{ParameterForm, Weights};

/// Programs kept, the most recently used ones: a graph holds on to the workspace of its shape.
const PROGRAMS: usize = 4;

/// The network, its weights on a GPU, and its programs.
pub struct GpuEngine {
    /// The most recently used first.
    programs: Vec<Program>,
    /// Shares the parameters of `engine`, which outlives it and frees them in their stream.
    pass: Pass,
    capture: Capture,
    /// Of the pictures that were run last.
    anchors: Vec<Anchors>,
    classes: usize,
    device: Device,
    engine: TensorEngine,
    /// Of what may be taken of the device's memory; given up last.
    _share: Option<Arc<MemoryShare>>,
}

/// Whether the device can hold a network as a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capture {
    NotRefused,
    Refused,
}

/// What is done with a batch of letterboxed pictures.
#[derive(Clone)]
struct Pass {
    network: Network,
    assignment: Assignment,
    arithmetic: Arithmetic,
    /// Anchors asked for.
    ranked: usize,
}

/// For each picture of a batch its best anchors, as `Anchors::take` reads them.
pub(crate) struct Tables {
    values: Vec<f32>,
    pictures: usize,
}

impl Tables {
    /// One table per picture.
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact((self.values.len() / self.pictures).max(1))
    }
}

impl GpuEngine {
    /// Reads the weights to `device`, in channels last.
    ///
    /// # Errors
    /// They are not a YOLOv10's, or the device is not to be had, does not compute in `precision`, or fails; then nothing
    /// of them stays there.
    pub fn new(
        weights: &Arc<Weights>,
        selection: &Selection,
        device: Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        let opened = device.open()?;
        contain(device, || Self::on(weights, selection, (device, opened), precision))
    }

    fn on(
        weights: &Arc<Weights>,
        selection: &Selection,
        (device, opened): (Device, burn::tensor::Device),
        precision: Precision,
    ) -> Result<Self, Error> {
        let arithmetic = Arithmetic { precision, choice: device::choice() };
        ceilings::set(&opened, arithmetic.choice);
        if !opened.supports_dtype(precision.dtype()) {
            let expected: Vec<_> = Precision::of(&opened).map(|one| one.to_string()).collect();
            return Err(Error::PrecisionUnsupported {
                device: device.to_string(),
                found: precision.to_string(),
                expected: expected.join(" or "),
            });
        }
        let form = ParameterForm { dtype: precision.dtype(), channels_last: true };
        let assignment = selection.assignment;
        let engine = TensorEngine::with_form(weights, assignment, opened, form)?;
        Ok(Self {
            programs: Vec::with_capacity(PROGRAMS),
            pass: Pass { network: engine.network().clone(), assignment, arithmetic, ranked: selection.ranked().max(1) },
            capture: Capture::NotRefused,
            anchors: Vec::new(),
            classes: weights.class_names().len(),
            device,
            engine,
            _share: None,
        })
    }

    /// Holds on to its share of the device's memory, which was in force when the weights were read.
    pub(crate) fn with_share(mut self, share: MemoryShare) -> Self {
        self._share = Some(Arc::new(share));
        self
    }

    /// Another engine over the same parameters, with programs of its own, within the same share of memory.
    pub(crate) fn share(&self) -> Self {
        let engine = self.engine.share();
        Self {
            programs: Vec::with_capacity(PROGRAMS),
            pass: Pass { network: engine.network().clone(), ..self.pass },
            capture: self.capture,
            anchors: Vec::new(),
            classes: self.classes,
            device: self.device,
            engine,
            _share: self._share.clone(),
        }
    }

    /// Runs pictures whose letterboxes have one input size; `uploaded` is told when they are all on their way.
    ///
    /// # Errors
    /// The device fails. What it had prepared is dropped then, and prepared again for the next pictures.
    pub(crate) fn run(
        &mut self,
        pictures: &[(Pixels<'_>, &Letterbox)],
        uploaded: impl FnOnce(),
    ) -> Result<Tables, Error> {
        let (_, first) = pictures.first().expect("a batch has a picture");
        let shape = (first.input, pictures.len());
        let result = contain(self.device, || {
            match self.programs.iter().position(|known| known.shape == shape) {
                Some(index) => self.programs[..=index].rotate_right(1),
                None => self.prepare(shape),
            }
            self.run_first(pictures, uploaded)
        });
        if result.is_err() {
            self.drop_programs();
        }
        Ok(Tables { values: result?, pictures: pictures.len() })
    }

    /// The network and a picture, RGB in 0..1, `[B, H, W, 3]`, as what it runs on here: for those who look inside.
    pub fn look<R>(&self, image: TensorData, work: impl FnOnce(&Network, ChannelsLast) -> R) -> R {
        let place = self.engine.home();
        place.enter(|| {
            let image = Tensor::from_data(image, (place.device(), DType::F32));
            work(&self.pass.network, self.pass.map(image))
        })
    }

    /// Makes room for a program and the program.
    fn prepare(&mut self, shape: (Size, usize)) {
        let place = self.engine.home().clone();
        place.alone(|| {
            self.programs.truncate(PROGRAMS - 1);
            let (Size { height, width }, batch) = shape;
            let options = (place.device(), DType::F32);
            let image = Tensor::zeros([batch, height, width, RGB], options);
            self.programs.insert(0, Program::new(shape, image));
        });
    }

    /// The pictures through the first program.
    fn run_first(&mut self, pictures: &[(Pixels<'_>, &Letterbox)], uploaded: impl FnOnce()) -> Result<Vec<f32>, Error> {
        let place = self.engine.home().clone();
        let program = &mut self.programs[0];
        place.enter(|| {
            for (sample, &(image, letterbox)) in pictures.iter().enumerate() {
                program.upload(image, letterbox, sample, place.device());
            }
        });
        uploaded();
        if program.worth_capturing() && self.capture == Capture::NotRefused {
            let pass = self.pass.clone();
            let captured = place.alone(|| program.capture(place.device(), move |image| pass.run(image)));
            if !captured {
                self.capture = Capture::Refused;
            }
        }
        place.enter(|| program.run(|image| self.pass.run(image)))
    }

    fn drop_programs(&mut self) {
        let place = self.engine.home().clone();
        // On a device that failed even this may: the memory is gone with its context then.
        contain(self.device, || {
            place.alone(|| self.programs.clear());
            Ok(())
        })
        .ok();
    }
}

impl Drop for GpuEngine {
    fn drop(&mut self) {
        // Graphs before weights: a graph holds on to every page it touches.
        self.drop_programs();
    }
}

impl Pass {
    /// Pictures `[B, H, W, 3]` as a feature map.
    fn map(&self, image: Tensor<4>) -> ChannelsLast {
        ChannelsLast { map: image.permute([0, 3, 1, 2]), arithmetic: self.arithmetic }
    }

    /// Letterboxed pictures, `[B, H, W, 3]` in 0..1, to `[B, K, 1 + 4 * REG_MAX + classes]`: for each of the K best
    /// anchors its number and its logits.
    fn run(&self, image: Tensor<4>) -> Tensor<3> {
        let [_, height, width, _] = image.dims();
        let count = self.ranked.min(Anchor::count(Size { height, width }));
        let RawMaps { boxes, classes } = self
            .network
            .forward_as(self.assignment, self.map(image))
            .expect("a head that the weights lack was refused at loading");
        best_anchors(boxes.map(Tensor::from), classes.map(Tensor::from), count)
    }
}

/// Of the `count` anchors with the largest class logits the numbers and the logits, `[B, K, 1 + 4 * REG_MAX + classes]`:
/// from those of P3, P4 and P5, `[B, C, H, W]`.
fn best_anchors(boxes: [Tensor<4>; 3], classes: [Tensor<4>; 3], count: usize) -> Tensor<3> {
    let best = operations::best(classes.clone());
    operations::table(operations::rank(best, count), boxes, classes)
}

#[cfg(all(test, any(feature = "cuda", feature = "wgpu")))]
mod tests;
