//! burn-flex on the processor, one picture at a time: the reference that the other engines are held against.

use std::slice;
use std::sync::Arc;

use burn::tensor::Device;
use image::RgbImage;

use super::byte_counts::ByteCounts;
use super::{Engine, TensorEngine};
use crate::anchors::Anchors;
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::{Bytes, MemoryReport};
use crate::planes::contiguous_planes;
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
        let tensors = TensorEngine::new(weights, assignment, device)?;
        Ok(Self { tensors, resampler: Resampler::default(), anchors: Anchors::default() })
    }
}

impl Engine for FlexEngine {
    fn run(
        &mut self,
        pictures: &[(&RgbImage, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error> {
        let Some(&(image, letterbox)) = pictures.first() else {
            return Ok(&[]);
        };
        let planes = contiguous_planes(&mut self.resampler, image, letterbox);
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

    fn byte_counts(&self) -> ByteCounts {
        self.tensors.byte_counts()
    }

    fn trim(&mut self) -> Result<(), Error> {
        self.resampler = Resampler::default();
        self.anchors = Anchors::default();
        self.tensors.trim()
    }
}
