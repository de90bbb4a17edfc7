//! A model's detector: in this process, or in its own worker.

use std::time::Instant;

use yolov10_model::letterbox::Letterbox;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Detector, Error, IsolatedDetector, Size};

use crate::picture::{Form, Picture, as_it_is};

pub(crate) enum ModelDetector {
    Here(Box<Detector>),
    Isolated(Box<IsolatedDetector>),
}

impl ModelDetector {
    /// Detections in each picture, best first, and the time of the stages for one picture.
    pub(crate) fn detect(&mut self, pictures: &[&Picture]) -> Result<(Vec<Vec<Detection>>, Speed), Error> {
        match self {
            Self::Here(detector) => {
                let letterboxes: Vec<Letterbox> = pictures
                    .iter()
                    .map(|picture| match picture.form {
                        Form::Whole => detector.letterbox(picture.size),
                        Form::Letterboxed => Ok(as_it_is(picture.size)),
                    })
                    .collect::<Result<_, _>>()?;
                let pairs: Vec<_> = pictures.iter().map(|picture| picture.pixels()).zip(&letterboxes).collect();
                let found = detector.detect_batch_in_input(&pairs)?;
                let places = pictures.iter().zip(&letterboxes);
                let as_asked = |(found, (picture, letterbox)): (Vec<Detection>, (&&Picture, &Letterbox))| {
                    let back = |found: Detection| match picture.form {
                        Form::Whole => Detection { rect: letterbox.to_image(found.rect), ..found },
                        Form::Letterboxed => found,
                    };
                    found.into_iter().map(back).collect()
                };
                Ok((found.into_iter().zip(places).map(as_asked).collect(), detector.speed()))
            }
            Self::Isolated(detector) => {
                let mut all = Vec::with_capacity(pictures.len());
                let mut total = Speed::default();
                for picture in pictures {
                    all.push(detect_elsewhere(detector, picture)?);
                    total = total + detector.speed();
                }
                let count = pictures.len().max(1) as u32;
                let share = Speed {
                    preprocess: total.preprocess / count,
                    inference: total.inference / count,
                    postprocess: total.postprocess / count,
                };
                Ok((all, share))
            }
        }
    }

    /// The input size for this picture.
    pub(crate) fn input(&self, picture: &Picture) -> Result<Size, Error> {
        let size = picture.size;
        if picture.form == Form::Letterboxed {
            return Ok(size);
        }
        Ok(match self {
            Self::Here(detector) => detector.letterbox(size)?,
            Self::Isolated(detector) => detector.letterbox(size)?,
        }
        .input)
    }

    /// Limits weights and workspace together, if the engine has such a limit.
    pub(crate) fn limit_memory(&mut self, bytes: u64) {
        if let Self::Here(detector) = self {
            detector.limit_memory(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
    }

    pub(crate) fn memory(&mut self) -> Result<MemoryReport, Error> {
        match self {
            Self::Here(detector) => Ok(detector.memory()),
            Self::Isolated(detector) => detector.memory(),
        }
    }

    pub(crate) fn trim(&mut self) -> Result<FreeReport, Error> {
        match self {
            Self::Here(detector) => detector.trim(),
            Self::Isolated(detector) => detector.trim(),
        }
    }

    pub(crate) fn close(self) -> Result<FreeReport, Error> {
        match self {
            Self::Here(detector) => detector.close(),
            Self::Isolated(detector) => end(*detector),
        }
    }

    /// The process id of the worker, if there is one.
    pub(crate) fn process(&self) -> Option<u32> {
        match self {
            Self::Here(_) => None,
            Self::Isolated(detector) => detector.process(),
        }
    }
}

/// Ends a worker. One that is already gone has freed everything and holds nothing.
fn end(mut detector: IsolatedDetector) -> Result<FreeReport, Error> {
    let started = Instant::now();
    if detector.memory().is_ok() {
        return detector.close();
    }
    drop(detector);
    let nothing = MemoryReport::default();
    Ok(FreeReport { before: nothing, after: nothing, released: 0, residue: 0, took: started.elapsed() })
}

/// Searches in a worker, which letterboxes pictures itself; a client's letterbox must match what the worker would do.
fn detect_elsewhere(detector: &mut IsolatedDetector, picture: &Picture) -> Result<Vec<Detection>, Error> {
    let size = picture.size;
    if picture.form == Form::Letterboxed && detector.letterbox(size)? != as_it_is(size) {
        return Err(Error::InputSize { found: size, stride: Size::STRIDE });
    }
    detector.detect(picture.pixels())
}
