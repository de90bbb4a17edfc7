//! A model's detector: in this process, or in a worker of its own.

use std::time::{Duration, Instant};

use yolov10_model::letterbox::Letterbox;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Detector, Error, IsolatedDetector, Size};

use crate::picture::{Form, Picture, as_it_is};

/// Longest wait for a worker to load or to search a picture: beyond the compilation of all kernels on a slow GPU.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) enum Finder {
    Here(Box<Detector>),
    Isolated(Box<IsolatedDetector>),
}

impl Finder {
    /// What is in each of the pictures, best first, and how long the stages took for one.
    pub(crate) fn detect(&mut self, pictures: &[&Picture]) -> Result<(Vec<Vec<Detection>>, Speed), Error> {
        match self {
            Self::Here(detector) => {
                let letterboxes: Vec<Letterbox> = pictures
                    .iter()
                    .map(|picture| match picture.form {
                        Form::Whole => detector.letterbox(picture.size()),
                        Form::Letterboxed => Ok(as_it_is(picture.size())),
                    })
                    .collect::<Result<_, _>>()?;
                let pairs: Vec<_> = pictures.iter().map(|picture| &picture.image).zip(&letterboxes).collect();
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

    /// The input that a picture of this size gets.
    pub(crate) fn input(&self, picture: &Picture) -> Result<Size, Error> {
        let size = picture.size();
        if picture.form == Form::Letterboxed {
            return Ok(size);
        }
        Ok(match self {
            Self::Here(detector) => detector.letterbox(size)?,
            Self::Isolated(detector) => detector.letterbox(size)?,
        }
        .input)
    }

    /// Lets weights and workspace take so many bytes together, where the engine keeps a limit.
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

    /// The worker's process.
    pub(crate) fn process(&self) -> Option<u32> {
        match self {
            Self::Here(_) => None,
            Self::Isolated(detector) => detector.process(),
        }
    }
}

/// Ends a worker. One that is gone already has given back everything, and holds nothing that it could be asked for.
fn end(mut detector: IsolatedDetector) -> Result<FreeReport, Error> {
    let started = Instant::now();
    if detector.memory().is_ok() {
        return detector.close();
    }
    drop(detector);
    let nothing = MemoryReport::default();
    Ok(FreeReport { before: nothing, after: nothing, released: 0, residue: 0, took: started.elapsed() })
}

/// A worker lays pictures into its input itself; what the client has laid has to be what it would do.
fn detect_elsewhere(detector: &mut IsolatedDetector, picture: &Picture) -> Result<Vec<Detection>, Error> {
    let size = picture.size();
    if picture.form == Form::Letterboxed && detector.letterbox(size)? != as_it_is(size) {
        return Err(Error::InputSize { found: size, stride: STRIDE });
    }
    detector.detect(&picture.image)
}

/// The network's largest stride, in pixels.
const STRIDE: usize = 32;
