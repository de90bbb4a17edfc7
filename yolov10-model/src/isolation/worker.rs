//! The worker's side: a detector that does what its parent asks, until the parent is gone.

use std::env;
use std::error::Error as Cause;

use image::RgbImage;
use ipc_channel::ipc::{IpcSender, IpcSharedMemory};

use super::CHANNEL;
use super::message::{Greeting, Reply, Request, is_end};
use crate::detector::Detector;
use crate::error::Error;
use crate::size::Size;

/// Whether this process was started as a worker and must call [`work`].
pub fn is_worker() -> bool {
    env::var_os(CHANNEL).is_some()
}

/// Makes a detector by `load` and serves the parent with it, until the parent ends or hangs up.
///
/// # Errors
/// This process is not a worker, or talking to the parent fails. If `load` fails, the parent gets the error.
pub fn work<E>(load: impl FnOnce() -> Result<Detector, E>) -> Result<(), Error>
where
    E: Into<Box<dyn Cause + Send + Sync>>,
{
    let name = env::var(CHANNEL).map_err(|_| Error::worker(format!("{CHANNEL} is not set")))?;
    let (requests, replies) = Greeting::send(name)?;
    let mut detector = match load() {
        Ok(detector) => detector,
        Err(error) => return say(&replies, Reply::Failed(Error::with_causes(&*error.into()))),
    };
    say(&replies, Reply::Loaded(detector.geometry()))?;
    loop {
        let request = match requests.recv() {
            Ok(request) => request,
            Err(error) if is_end(&error) => return Ok(()),
            Err(error) => return Err(Error::worker(error)),
        };
        say(&replies, answer(&mut detector, request))?;
    }
}

fn answer(detector: &mut Detector, request: Request) -> Reply {
    match request {
        Request::Memory => Reply::Memory(detector.memory()),
        Request::Trim => match detector.trim() {
            Ok(freed) => Reply::Trimmed(freed),
            Err(error) => Reply::Failed(error.to_string()),
        },
        Request::Detect { size, pixels } => match search(detector, size, pixels) {
            Ok(reply) => reply,
            Err(error) => Reply::Failed(Error::with_causes(&error)),
        },
    }
}

fn search(detector: &mut Detector, size: Size, pixels: IpcSharedMemory) -> Result<Reply, Error> {
    let lost = || Error::worker("the picture's pixels were lost on the way");
    let side = |pixels: usize| u32::try_from(pixels).map_err(|_| lost());
    let image = RgbImage::from_raw(side(size.width)?, side(size.height)?, pixels.to_vec());
    let detections = detector.detect(&image.ok_or_else(lost)?)?;
    Ok(Reply::Found { detections, speed: detector.speed() })
}

fn say(replies: &IpcSender<Reply>, reply: Reply) -> Result<(), Error> {
    replies.send(reply).map_err(Error::worker)
}
