//! burn-flex on the processor, one picture at a time: the reference that the other engines are compared with.

use std::slice;
use std::sync::Arc;

use burn::tensor::Device;
use yolov10_cpu::Isa;

use super::{Engine, Remains, TensorEngine};
use crate::anchors::Anchors;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::{Bytes, MemoryReport};
use crate::pixels::Pixels;
use crate::resample::Resampler;
use crate::selection::{Assignment, Selection};
use crate::speed::Stopwatch;
use crate::weights::Weights;

/// The network as burn tensors, and the host's work around it.
pub struct FlexEngine {
    tensors: TensorEngine,
    resampler: Resampler,
    anchors: Anchors,
}

impl FlexEngine {
    pub fn new(weights: &Arc<Weights>, assignment: Assignment, device: Device) -> Result<Self, Error> {
        Self::of(TensorEngine::new(weights, assignment, device)?)
    }

    fn of(tensors: TensorEngine) -> Result<Self, Error> {
        Ok(Self { tensors, resampler: Resampler::new(Isa::detect())?, anchors: Anchors::default() })
    }
}

impl Engine for FlexEngine {
    fn run(
        &mut self,
        pictures: &[(Pixels<'_>, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error> {
        let Some(&(image, letterbox)) = pictures.first() else {
            return Ok(&[]);
        };
        let planes = self.resampler.letterboxed(image, letterbox).planes();
        stopwatch.preprocessed();
        self.tensors.run(letterbox.input, planes, |maps| {
            stopwatch.inferred();
            self.anchors.rank(maps, selection);
        })?;
        Ok(slice::from_ref(&self.anchors))
    }

    fn memory(&self) -> MemoryReport {
        let staging = Bytes::used(self.resampler.bytes() + self.anchors.bytes());
        MemoryReport { staging, ..self.tensors.memory() }
    }

    fn trim(&mut self) -> Result<Bytes, Error> {
        self.resampler.trim();
        self.anchors = Anchors::default();
        self.tensors.trim()
    }

    fn share(&self) -> Result<Box<dyn Engine>, Error> {
        Ok(Box::new(Self::of(self.tensors.share())?))
    }

    fn sharers(&self) -> usize {
        self.tensors.sharers()
    }

    fn close(self: Box<Self>) -> Remains {
        let remains = self.tensors.remains();
        drop(self);
        remains()
    }
}
