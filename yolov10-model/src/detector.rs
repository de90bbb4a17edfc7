//! The detector: pictures in, detections out, everything in between owned by one value.
//!
//! ```text
//! picture -> letterbox -> engine (resample, network, rank anchors) -> decode -> detections
//! ```

use std::slice;
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use crate::decode::Decoder;
use crate::detection::Detection;
use crate::engine::{self, Engine, Remains};
use crate::error::Error;
use crate::letterbox::{Geometry, Letterbox};
use crate::memory::{Bytes, FreeReport, MemoryReport, resident};
use crate::options::Options;
use crate::selection::Selection;
use crate::size::Size;
use crate::speed::{Speed, Stopwatch};
use crate::weights::Weights;

/// A YOLOv10 ready to run. It owns weights, workspace and threads, and gives all of them back when it is dropped:
/// weights that detectors [share](Detector::share), when the last of them is.
///
/// It is `Send`: make it on one thread, use it on a second and drop it on a third. [`Detector::detect`] takes
/// `&mut self` because one workspace serves one picture at a time, so that sharing it between threads (`Sync`) would
/// be of no use; two threads want two detectors, which may share their weights. [`memory`](crate::memory) says what it
/// holds when.
pub struct Detector {
    engine: Box<dyn Engine>,
    class_names: Vec<String>,
    geometry: Geometry,
    selection: Selection,
    decoder: Decoder,
    speed: Speed,
}

impl Detector {
    /// Makes a detector. The weights are copied to its device and not kept.
    ///
    /// # Errors
    /// The weights are not a YOLOv10's, the device is not to be had, the input size is out of bounds.
    pub fn new(weights: &Arc<Weights>, options: &Options) -> Result<Self, Error> {
        Ok(Self {
            geometry: Geometry::new(options.input.unwrap_or(weights.input_size()), options.fit)?,
            engine: engine::open(weights, options)?,
            class_names: weights.class_names().to_vec(),
            selection: options.selection.clone(),
            decoder: Decoder::default(),
            speed: Speed::default(),
        })
    }

    /// Another detector with the same options, which uses the weights of this one. On a processor it has workspace and
    /// threads, as many, of its own; on a GPU both have one stream and its workspace. Either may be dropped first.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn share(&self) -> Result<Self, Error> {
        Ok(Self {
            engine: self.engine.share()?,
            class_names: self.class_names.clone(),
            geometry: self.geometry,
            selection: self.selection.clone(),
            decoder: Decoder::default(),
            speed: Speed::default(),
        })
    }

    /// How many detectors use its weights, itself included. Each reports them in full, and they are there once; so it is
    /// with the workspace of those on a GPU.
    pub fn sharers(&self) -> usize {
        self.engine.sharers()
    }

    /// What the detections' class numbers mean.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How long the stages of the last call took, per picture.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether its GPU refused to hold the network as a graph, as it is asked to when an input size comes a second time.
    /// Then every run launches its kernels one by one, slower but with the same results.
    pub fn graphs_refused(&self) -> bool {
        self.engine.graphs_refused()
    }

    /// How it lays pictures into its input.
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Where a picture of this size lies in the network's input.
    ///
    /// # Errors
    /// The picture has no pixels.
    pub fn letterbox(&self, image: Size) -> Result<Letterbox, Error> {
        self.geometry.letterbox(image)
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
    /// For a geometry other than [`Detector::letterbox`], such as that of validation.
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

    /// Which pictures go together: those of one input size where the engine takes several, else each goes alone.
    fn batches(&self, pictures: &[(&RgbImage, &Letterbox)]) -> Vec<Vec<usize>> {
        if !self.engine.takes_batches() {
            return (0..pictures.len()).map(|index| vec![index]).collect();
        }
        let mut batches: Vec<(Size, Vec<usize>)> = Vec::new();
        for (index, (_, letterbox)) in pictures.iter().enumerate() {
            match batches.iter_mut().find(|(input, _)| *input == letterbox.input) {
                Some((_, batch)) => batch.push(index),
                None => batches.push((letterbox.input, vec![index])),
            }
        }
        batches.into_iter().map(|(_, batch)| batch).collect()
    }

    /// Puts the objects in pictures that go together into `found`, and says how long that took in all.
    fn run(&mut self, pictures: &[(&RgbImage, &Letterbox)], found: &mut [Vec<Detection>]) -> Result<Speed, Error> {
        for (image, letterbox) in pictures {
            letterbox.check(Size::of(image))?;
        }
        let stopwatch = Stopwatch::start();
        let ranked = self.engine.run(pictures, &self.selection, &stopwatch)?;
        for (found, anchors) in found.iter_mut().zip(ranked) {
            *found = self.decoder.decode(anchors, &self.selection);
        }
        Ok(stopwatch.stop())
    }

    /// What it holds now.
    pub fn memory(&self) -> MemoryReport {
        let engine = self.engine.memory();
        MemoryReport { staging: engine.staging + Bytes::used(self.decoder.bytes()), resident: resident(), ..engine }
    }

    /// Sets the bytes that weights and workspace may take together from now on, where the engine can keep a limit: the
    /// native CPU engine. What is held already stays; a picture that needs more is an error that says how much.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.engine.limit_memory(bytes);
    }

    /// Gives back everything except the weights. The next picture takes it again.
    ///
    /// # Errors
    /// The device fails, or keeps some of it.
    pub fn trim(&mut self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        let residue = self.engine.trim()?;
        self.decoder = Decoder::default();
        FreeReport::new(before, self.memory(), residue, started.elapsed()).checked()
    }

    /// Drops it and makes sure: every byte that it had reserved has gone back. Weights that another detector uses have not:
    /// they are in the report's `after`, and no residue.
    ///
    /// # Errors
    /// Some have not.
    pub fn close(self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        let Self { engine, decoder, .. } = self;
        drop(decoder);
        let Remains { held, residue } = engine.close();
        let after = MemoryReport { resident: resident(), ..held };
        FreeReport::new(before, after, residue, started.elapsed()).checked()
    }
}

/// Detections of an input, in pixels of the picture.
fn in_image(found: Vec<Detection>, letterbox: &Letterbox) -> Vec<Detection> {
    found.into_iter().map(|found| Detection { rect: letterbox.to_image(found.rect), ..found }).collect()
}
