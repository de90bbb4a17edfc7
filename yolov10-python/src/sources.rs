//! Folders, patterns, lists, videos and streams: one picture after another, decoded on a thread of its own while the last
//! one is searched.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use image::RgbImage;
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yolo10_burn::media::{self, Cancel, Depth, Item, Patience};

use crate::errors::{self, exception};
use crate::pictures::{Array, array};

/// Pictures that are decoded before they are asked for, beside the one in the decoder.
const AHEAD: usize = 1;

/// Pixels in RGB, the source's name, the frame's number and time in seconds, and what is wrong with the picture.
type Next<'py> = (Array<'py>, String, Option<usize>, Option<f64>, Option<String>);

/// Pictures of what the words name. One that can't be had is an exception, after which the next one can be asked for.
#[pyclass(frozen, module = "yolo10_burn._native")]
pub struct Sources {
    pictures: Mutex<Receiver<Item<RgbImage>>>,
    cancel: Cancel,
    /// Where the thread is.
    process: u32,
}

#[pymethods]
impl Sources {
    #[new]
    fn new(words: Vec<PathBuf>, recursive: bool, vid_stride: usize) -> PyResult<Self> {
        let every = NonZeroUsize::new(vid_stride)
            .ok_or_else(|| PyValueError::new_err("vid_stride: expected 1 or more, found 0"))?;
        let depth = if recursive { Depth::Everything } else { Depth::Folder };
        let (sender, pictures) = sync_channel(AHEAD);
        let cancel = Cancel::new();
        let patience = Patience { cancel: cancel.clone(), ..Patience::default() };
        let read = move || {
            let sources = media::Sources::expand(words, depth).every(every).waiting(patience);
            // Nobody listens any more once the iterator is dropped.
            for picture in sources.pictures() {
                if sender.send(picture).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("yolo10-burn sources".to_owned()).spawn(read)?;
        Ok(Self { pictures: Mutex::new(pictures), cancel, process: process::id() })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Next<'py>>> {
        if self.process != process::id() {
            return Err(exception("ForkedError", "pictures are read in the process that began with it"));
        }
        let Ok(Item { about, value }) = py.detach(|| self.pictures.lock().recv()) else {
            return Ok(None);
        };
        let picture = value.map_err(|error| errors::of_media(&about.name, error))?;
        let (number, at) = (about.frame.map(|frame| frame.number), about.frame.and_then(|frame| frame.at));
        Ok(Some((array(py, &picture), about.name, number, at.map(|at| at.as_secs_f64()), about.damage)))
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        // Ends what waits for a camera or a server.
        self.cancel.cancel();
    }
}
