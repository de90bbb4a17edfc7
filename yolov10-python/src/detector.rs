//! A detector behind a lock: calls from several threads are served one after another, in the order in which they came.
//!
//! The interpreter is let go before the lock is waited for, never the other way round, so that no two threads wait for
//! each other.

use std::mem;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::FairMutex;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use yolo10_burn::media::milliseconds;
use yolo10_burn::memory::FreeReport;
use yolo10_burn::speed::Speed;
use yolo10_burn::{Detection, Error, IsolatedDetector, Order, Pixels};

use crate::errors::{self, exception};
use crate::memory::{FreeTuple, MemoryTuple, free_tuple, memory_tuple};
use crate::options::Keywords;
use crate::pictures::Lent;

/// The bytes of a picture's rows, f32: left, top, right, bottom, score, class, as ultralytics' `boxes.data`; and the
/// milliseconds of its stages.
type Found<'py> = (Bound<'py, PyByteArray>, (f64, f64, f64));

/// A detector, in this process or in a worker.
#[pyclass(frozen, module = "yolo10_burn._native")]
pub struct Detector {
    /// `None` once it is closed.
    engine: FairMutex<Option<Engine>>,
    freed: OnceLock<FreeReport>,
    class_names: Vec<String>,
    /// Where it was made: its threads are in no other process, and neither is its worker's parent.
    process: u32,
}

enum Engine {
    Here(Box<yolo10_burn::Detector>),
    Isolated(Box<IsolatedDetector>),
}

#[pymethods]
impl Detector {
    /// `worker`: the program that runs it and what it is told, if it is to run elsewhere; and how many seconds each
    /// answer may take.
    #[new]
    #[pyo3(signature = (keywords, worker=None))]
    fn new(py: Python<'_>, keywords: Keywords, worker: Option<(PathBuf, Vec<String>, f64)>) -> PyResult<Self> {
        let weights = py.detach(|| keywords.weights())?;
        let class_names = weights.class_names().to_vec();
        // A worker says for itself what is wrong, but later.
        let options = keywords.options(py, &class_names)?;
        let engine = py.detach(|| match worker {
            None => yolo10_burn::Detector::new(&weights, &options).map(|detector| Engine::Here(detector.into())),
            Some((program, words, patience)) => {
                drop(weights);
                let mut command = Command::new(program);
                command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
                let patience = Duration::try_from_secs_f64(patience).unwrap_or(Duration::MAX);
                IsolatedDetector::new(command, patience).map(|detector| Engine::Isolated(detector.into()))
            }
        });
        let engine = FairMutex::new(Some(engine.map_err(errors::of_model)?));
        Ok(Self { engine, freed: OnceLock::new(), class_names, process: process::id() })
    }

    #[getter]
    fn class_names(&self) -> Vec<String> {
        self.class_names.clone()
    }

    /// To other processes than its own it always is.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.process != process::id() || py.detach(|| self.engine.lock().is_none())
    }

    /// The worker's process, while there is one.
    #[getter]
    fn process(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        self.with(py, |engine| match engine {
            Engine::Here(_) => Ok(None),
            Engine::Isolated(detector) => Ok(detector.process()),
        })
    }

    /// What is in each picture; a picture is pixels, and whether they are BGR.
    fn detect<'py>(&self, py: Python<'py>, pictures: Vec<(Lent, bool)>) -> PyResult<Vec<Found<'py>>> {
        let order = |is_bgr: bool| if is_bgr { Order::Bgr } else { Order::Rgb };
        let pictures: Vec<_> = pictures.iter().map(|(lent, is_bgr)| lent.pixels(order(*is_bgr))).collect();
        let found = self.with(py, |engine| engine.detect(&pictures))?;
        Ok(found.into_iter().map(|(found, speed)| (rows(py, &found), stages(speed))).collect())
    }

    fn memory(&self, py: Python<'_>) -> PyResult<MemoryTuple> {
        let report = self.with(py, |engine| match engine {
            Engine::Here(detector) => Ok(detector.memory()),
            Engine::Isolated(detector) => detector.memory(),
        })?;
        Ok(memory_tuple(&report))
    }

    fn trim(&self, py: Python<'_>) -> PyResult<FreeTuple> {
        let report = self.with(py, |engine| match engine {
            Engine::Here(detector) => detector.trim(),
            Engine::Isolated(detector) => detector.trim(),
        })?;
        Ok(free_tuple(&report))
    }

    /// Gives everything back; what the first call has said is said again.
    fn close(&self, py: Python<'_>) -> PyResult<FreeTuple> {
        self.check_process()?;
        let freed = py.detach(|| {
            let mut engine = self.engine.lock();
            match engine.take() {
                None => Ok(self.freed.get().copied()),
                Some(engine) => engine.close().map(|freed| Some(*self.freed.get_or_init(|| freed))),
            }
        });
        let freed = freed.map_err(errors::of_model)?;
        freed.map(|freed| free_tuple(&freed)).ok_or_else(|| exception("ClosedError", "closing it has failed before"))
    }
}

impl Detector {
    /// Does `work` with the detector when it is this call's turn.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Engine) -> Result<T, Error> + Send) -> PyResult<T> {
        self.check_process()?;
        let done = py.detach(|| self.engine.lock().as_mut().map(work));
        done.ok_or_else(|| exception("ClosedError", "the detector is closed"))?.map_err(errors::of_model)
    }

    /// Before the lock: a fork may have copied it locked.
    fn check_process(&self) -> PyResult<()> {
        let (made, here) = (self.process, process::id());
        let message =
            || format!("made in process {made}, used in process {here}: make a detector after the fork, or pickle it");
        (made == here).then_some(()).ok_or_else(|| exception("ForkedError", message()))
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        if self.process != process::id() {
            // Its threads would be waited for, and they are not here; its worker would be killed, and is not ours.
            mem::forget(self.engine.get_mut().take());
        }
    }
}

impl Engine {
    fn detect(&mut self, pictures: &[Pixels<'_>]) -> Result<Vec<(Vec<Detection>, Speed)>, Error> {
        match self {
            Self::Here(detector) => {
                let found = detector.detect_batch(pictures)?;
                let speed = detector.speed();
                Ok(found.into_iter().map(|found| (found, speed)).collect())
            }
            Self::Isolated(detector) => {
                pictures.iter().map(|picture| Ok((detector.detect(picture)?, detector.speed()))).collect()
            }
        }
    }

    fn close(self) -> Result<FreeReport, Error> {
        match self {
            Self::Here(detector) => detector.close(),
            Self::Isolated(detector) => detector.close(),
        }
    }
}

fn rows<'py>(py: Python<'py>, found: &[Detection]) -> Bound<'py, PyByteArray> {
    let row = |found: &Detection| {
        let rect = found.rect;
        [rect.x1, rect.y1, rect.x2, rect.y2, found.score, found.class as f32]
    };
    let bytes: Vec<u8> = found.iter().flat_map(row).flat_map(f32::to_ne_bytes).collect();
    PyByteArray::new(py, &bytes)
}

fn stages(speed: Speed) -> (f64, f64, f64) {
    (milliseconds(speed.preprocess), milliseconds(speed.inference), milliseconds(speed.postprocess))
}
