//! Runs the stages of a run: decoding and writing happen beside the detector, which waits for neither.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use image::RgbImage;
use yolov10_media::{Content, Sources};
use yolov10_model::Size;
use yolov10_model::picture::Budget;

use super::Item;
use super::files::{Files, Written};
use super::run_detector::RunDetector;
use super::searched::Searched;
use crate::interrupt::Interrupt;
use crate::pipeline::{batches, lanes, spawn, stage, stage_of};

/// What to search, and how.
pub struct Search<'a> {
    /// A detector per device; they take turns, so that results keep the order of the sources.
    pub detectors: &'a mut [RunDetector],
    pub sources: Sources,
    /// Pictures per call of the detector.
    pub batch: NonZeroUsize,
    /// The limits for decoding a picture.
    pub budget: Budget,
    pub interrupt: Interrupt,
}

/// What to do after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on with the next picture.
    Picture,
    /// Skip the rest of this source.
    Source,
    /// Finish what is in progress, and end.
    Nothing,
}

impl Search<'_> {
    /// Searches and writes on other threads, and reports on this one. A report that fails ends everything.
    pub fn each(self, files: &Files, mut report: impl FnMut(Item<Written>) -> Result<Next>) -> Result<()> {
        let Self { detectors, sources, batch, budget, interrupt } = self;
        let lanes = lanes();
        // The last source to skip, and whether to skip everything.
        let (skipped, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (skipped, is_over) = (&skipped, &is_over);
        thread::scope(|scope| {
            let (mut to_decoders, decoded) = stage(scope, lanes, move |item| decode(item, &budget))?;
            let write = |item: Item<(RgbImage, Searched)>| {
                item.then(|about, (picture, searched)| files.write(about, picture, searched))
            };
            let (mut to_writers, mut written) = stage(scope, lanes, write)?;
            spawn(scope, move || {
                let wanted =
                    sources.items().take_while(|_| !interrupt.is_pressed() && !is_over.load(Ordering::Relaxed));
                let mut wanted = wanted.filter(|item| item.about.index != skipped.load(Ordering::Relaxed));
                wanted.try_for_each(|item| to_decoders.deal(item))
            })?;
            let workers = detectors.iter_mut().map(|detector| move |items| search(detector, items));
            let (mut to_detectors, found) = stage_of(scope, workers.collect())?;
            // Both end early only if the report failed, and its error is returned below.
            let decoded = decoded.filter(|item| !item.value.as_ref().is_err_and(is_cancelled));
            spawn(scope, move || batches(decoded, batch).try_for_each(|items| to_detectors.deal(items)))?;
            spawn(scope, move || found.flatten().try_for_each(|item| to_writers.deal(item)))?;
            // Dropping this ends the earlier stages when a report fails.
            let result = written.try_for_each(|item| {
                let index = item.about.index;
                match report(item)? {
                    Next::Picture => (),
                    Next::Source => skipped.store(index, Ordering::Relaxed),
                    Next::Nothing => is_over.store(true, Ordering::Relaxed),
                }
                Ok(())
            });
            drop(written);
            result
        })
    }
}

fn decode(item: yolov10_media::Item<Content>, budget: &Budget) -> Item<RgbImage> {
    item.decode(budget).then(|_, picture| Ok(picture))
}

/// Whether a picture is missing only because the run was interrupted while it came.
fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(yolov10_media::Error::Cancelled))
}

/// Searches the pictures of a batch; items that failed earlier keep their place.
fn search(detector: &mut RunDetector, items: Vec<Item<RgbImage>>) -> Vec<Item<(RgbImage, Searched)>> {
    let mut pictures = Vec::with_capacity(items.len());
    let places: Vec<Item<()>> = items
        .into_iter()
        .map(|item| {
            item.then(|_, picture| {
                pictures.push(picture);
                Ok(())
            })
        })
        .collect();
    let found = detector.detect(&pictures);
    let mut results = pictures.into_iter().zip(found);
    let places = places.into_iter().map(|place| {
        place.then(|_, ()| {
            let (picture, found) = results.next().expect("every picture has a result");
            let (detections, speed) = found?;
            let size = Size::of(&picture);
            let input = detector.letterbox(size)?.input;
            let searched = Searched { size, input, detections, speed };
            Ok((picture, searched))
        })
    });
    places.collect()
}
