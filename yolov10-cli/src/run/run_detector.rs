//! A run's detector: in this process, or in its own worker process.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use image::RgbImage;
use yolov10_model::letterbox::Letterbox;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Detector, IsolatedDetector, Size, isolation};

use crate::interrupt::Interrupt;

/// A detector, in this process or in a worker.
pub enum RunDetector {
    Here(Box<Detector>),
    Isolated(Box<IsolatedDetector>),
}

impl RunDetector {
    /// Starts a detector in a worker: this program again, with the same arguments.
    pub fn isolated() -> Result<Self> {
        let program = env::current_exe().context("the program's own file")?;
        let mut command = Command::new(program);
        command.args(env::args_os().skip(1));
        // stdin and stdout belong to the parent.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self::Isolated(Box::new(IsolatedDetector::new(command, IsolatedDetector::PATIENCE)?)))
    }

    pub fn letterbox(&self, image: Size) -> Result<Letterbox> {
        Ok(match self {
            Self::Here(detector) => detector.letterbox(image)?,
            Self::Isolated(detector) => detector.letterbox(image)?,
        })
    }

    /// Detections of each picture, and how long they took. A picture that can't be searched does not affect the others.
    pub fn detect(&mut self, pictures: &[RgbImage]) -> Vec<Result<(Vec<Detection>, Speed)>> {
        if let Self::Here(detector) = self
            && let Ok(found) = detector.detect_batch(pictures)
        {
            let speed = detector.speed();
            return found.into_iter().map(|found| Ok((found, speed))).collect();
        }
        pictures.iter().map(|picture| self.detect_one(picture)).collect()
    }

    fn detect_one(&mut self, picture: &RgbImage) -> Result<(Vec<Detection>, Speed)> {
        Ok(match self {
            Self::Here(detector) => (detector.detect(picture)?, detector.speed()),
            Self::Isolated(detector) => (detector.detect(picture)?, detector.speed()),
        })
    }

    /// Whether a GPU runs the network kernel by kernel; unknown, so `false`, for workers.
    pub fn graphs_refused(&self) -> bool {
        match self {
            Self::Here(detector) => detector.graphs_refused(),
            Self::Isolated(_) => false,
        }
    }

    pub fn memory(&mut self) -> Result<MemoryReport> {
        Ok(match self {
            Self::Here(detector) => detector.memory(),
            Self::Isolated(detector) => detector.memory()?,
        })
    }

    /// Ends the detector and reports what it freed.
    pub fn close(self) -> Result<FreeReport> {
        Ok(match self {
            Self::Here(detector) => detector.close()?,
            Self::Isolated(detector) => detector.close()?,
        })
    }
}

/// Runs this process as a worker.
pub fn work(load: impl FnOnce() -> Result<Detector>) -> Result<()> {
    // Ctrl-C reaches the whole process group, but the parent still needs the current picture.
    Interrupt::leave_to_parent()?;
    Ok(isolation::work(load)?)
}
