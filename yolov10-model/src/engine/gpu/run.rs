//! Batches of pictures in, each one's best anchors out: what the detector asks of every engine.

use super::fault::contain;
use super::{Capture, GpuEngine};
use crate::anchors::Anchors;
use crate::engine::{Engine, Remains};
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::memory::{Bytes, MemoryReport};
use crate::pixels::Pixels;
use crate::selection::Selection;
use crate::speed::Stopwatch;

impl Engine for GpuEngine {
    fn run(
        &mut self,
        pictures: &[(Pixels<'_>, &Letterbox)],
        selection: &Selection,
        stopwatch: &Stopwatch,
    ) -> Result<&[Anchors], Error> {
        let Some((_, letterbox)) = pictures.first() else {
            return Ok(&[]);
        };
        let tables = self.run(pictures, || stopwatch.preprocessed())?;
        stopwatch.inferred();
        self.anchors.resize_with(self.anchors.len().max(pictures.len()), Anchors::default);
        for (anchors, rows) in self.anchors.iter_mut().zip(tables.iter()) {
            anchors.take(rows, self.classes, letterbox.input, selection);
        }
        Ok(&self.anchors[..pictures.len()])
    }

    fn takes_batches(&self) -> bool {
        true
    }

    fn graphs_refused(&self) -> bool {
        self.capture == Capture::Refused
    }

    fn memory(&self) -> MemoryReport {
        let report = self.engine.memory();
        let anchors = self.anchors.iter().map(Anchors::bytes).sum();
        MemoryReport { staging: report.staging + Bytes::used(anchors), ..report }
    }

    fn trim(&mut self) -> Result<Bytes, Error> {
        self.anchors = Vec::new();
        self.drop_programs();
        contain(self.device, || self.engine.trim())
    }

    fn share(&self) -> Result<Box<dyn Engine>, Error> {
        Ok(Box::new(GpuEngine::share(self)))
    }

    fn sharers(&self) -> usize {
        self.engine.sharers()
    }

    fn close(self: Box<Self>) -> Remains {
        let remains = self.engine.remains();
        drop(self);
        remains()
    }
}
