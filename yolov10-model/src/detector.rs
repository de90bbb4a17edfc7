//! The detector: pictures in, detections out, everything in between owned by one value.
//!
//! ```text
//! picture -> letterbox -> engine (resample, network, rank anchors) -> decode -> detections
//! ```

use std::slice;
use std::sync::Arc;
use std::time::Instant;

use crate::decode::Decoder;
use crate::detection::Detection;
use crate::engine::{self, Engine, Remains};
use crate::error::Error;
use crate::letterbox::{Geometry, Letterbox};
use crate::memory::{Bytes, FreeReport, MemoryReport, resident};
use crate::options::Options;
use crate::pixels::Pixels;
use crate::selection::Selection;
use crate::size::Size;
use crate::speed::{Speed, Stopwatch};
use crate::weights::Weights;

/// A YOLOv10 that is ready to run. It owns weights, workspace and threads, and gives all of them back when it is dropped;
/// weights that detectors [share](Detector::share) go back with the last of them.
///
/// It is `Send`: make it on one thread, use it on a second and drop it on a third. [`Detector::detect`] takes `&mut self`
/// because one workspace serves one picture at a time, so sharing a detector between threads (`Sync`) would not help; two
/// threads need two detectors, which may share their weights. [`memory`](crate::memory) says what it holds, and when.
pub struct Detector {
    engine: Box<dyn Engine>,
    class_names: Vec<String>,
    geometry: Geometry,
    selection: Selection,
    decoder: Decoder,
    speed: Speed,
}

impl Detector {
    /// Makes a detector. The weights are copied to its device; `weights` is not kept.
    ///
    /// # Errors
    /// The weights are not those of a YOLOv10, the device is unavailable, or the input size is out of bounds.
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

    /// Makes another detector with the same options, which uses the weights of this one. On a processor it has its own
    /// workspace and as many threads of its own; on a GPU the two have one stream and one workspace. Either may be dropped
    /// first.
    ///
    /// # Errors
    /// The system can't start a thread.
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

    /// How many detectors use its weights, itself included. Each reports them in full, though they exist once; the same
    /// goes for the workspace of detectors on a GPU.
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

    /// Whether its GPU refused to hold the network as a graph, which it is asked to do when an input size comes a second
    /// time. If so, every run launches its kernels one by one: slower, with the same results.
    pub fn graphs_refused(&self) -> bool {
        self.engine.graphs_refused()
    }

    /// How it places pictures in its input.
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

    /// The objects in a picture, an [`RgbImage`](image::RgbImage) or [`Pixels`], best first, in pixels of the picture.
    ///
    /// # Errors
    /// The picture has no pixels, or the device fails.
    pub fn detect<'a>(&mut self, image: impl Into<Pixels<'a>>) -> Result<Vec<Detection>, Error> {
        let image = image.into();
        let letterbox = self.letterbox(image.size())?;
        let found = self.detect_in_input(image, &letterbox)?;
        Ok(in_image(found, &letterbox))
    }

    /// The objects in each of several pictures, the same as [`Detector::detect`] finds one by one. A GPU takes pictures that
    /// share an input size in one go.
    ///
    /// # Errors
    /// A picture has no pixels, or the device fails.
    pub fn detect_batch<'a, P>(&mut self, images: &'a [P]) -> Result<Vec<Vec<Detection>>, Error>
    where
        &'a P: Into<Pixels<'a>>,
    {
        let images: Vec<Pixels<'a>> = images.iter().map(Into::into).collect();
        let letterboxes = images.iter().map(|image| self.letterbox(image.size())).collect::<Result<Vec<_>, _>>()?;
        let pictures: Vec<_> = images.into_iter().zip(&letterboxes).collect();
        let found = self.detect_batch_in_input(&pictures)?;
        let pairs = found.into_iter().zip(&letterboxes);
        Ok(pairs.map(|(found, letterbox)| in_image(found, letterbox)).collect())
    }

    /// The objects in a picture that is placed in the input by `letterbox`, best first, in pixels of the input. For a
    /// geometry other than [`Detector::letterbox`]'s, such as that of validation.
    ///
    /// # Errors
    /// The letterbox is for a picture of another size, the network can't take its input, its picture reaches beyond its
    /// input, or the device fails.
    pub fn detect_in_input<'a>(
        &mut self,
        image: impl Into<Pixels<'a>>,
        letterbox: &Letterbox,
    ) -> Result<Vec<Detection>, Error> {
        let mut found = Vec::new();
        self.speed = self.run(&[(image.into(), letterbox)], slice::from_mut(&mut found))?;
        Ok(found)
    }

    /// The same for several pictures, as for [`Detector::detect_batch`].
    ///
    /// # Errors
    /// As [`Detector::detect_in_input`].
    pub fn detect_batch_in_input<'a, P>(&mut self, pictures: &[(P, &Letterbox)]) -> Result<Vec<Vec<Detection>>, Error>
    where
        P: Copy + Into<Pixels<'a>>,
    {
        let pictures: Vec<_> = pictures.iter().map(|&(image, letterbox)| (image.into(), letterbox)).collect();
        let mut found = vec![Vec::new(); pictures.len()];
        let mut total = Speed::default();
        for batch in self.batches(&pictures) {
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

    /// Which pictures go together: those with the same input size if the engine takes several, otherwise each alone.
    fn batches(&self, pictures: &[(Pixels<'_>, &Letterbox)]) -> Vec<Vec<usize>> {
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

    /// Finds the objects in pictures that go together, into `found`; returns how long that took in all.
    fn run(&mut self, pictures: &[(Pixels<'_>, &Letterbox)], found: &mut [Vec<Detection>]) -> Result<Speed, Error> {
        for (image, letterbox) in pictures {
            letterbox.check(image.size())?;
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

    /// Sets how many bytes weights and workspace may take together from now on, if the engine can enforce a limit: the
    /// native CPU engine can. What is already held stays; a picture that needs more is an error that says how much.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.engine.limit_memory(bytes);
    }

    /// Gives back everything except the weights. The next picture takes it again.
    ///
    /// # Errors
    /// The device fails, or some of it was not given back.
    pub fn trim(&mut self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        let residue = self.engine.trim()?;
        self.decoder = Decoder::default();
        FreeReport::new(before, self.memory(), residue, started.elapsed()).checked()
    }

    /// Drops it, and checks that every byte that it had reserved was given back. Weights that another detector still uses
    /// were not: they are in the report's `after`, and do not count as residue.
    ///
    /// # Errors
    /// Some bytes were not given back.
    pub fn close(self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory());
        let Self { engine, decoder, .. } = self;
        drop(decoder);
        let Remains { held, residue } = engine.close();
        let after = MemoryReport { resident: resident(), ..held };
        FreeReport::new(before, after, residue, started.elapsed()).checked()
    }
}

/// Detections in pixels of the input, converted to pixels of the picture.
fn in_image(found: Vec<Detection>, letterbox: &Letterbox) -> Vec<Detection> {
    found.into_iter().map(|found| Detection { rect: letterbox.to_image(found.rect), ..found }).collect()
}
