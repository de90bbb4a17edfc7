//! What a detector's process and its worker say to each other.

use ipc_channel::IpcError;
use ipc_channel::ipc::{IpcReceiver, IpcSender, IpcSharedMemory, channel};
use serde::{Deserialize, Serialize};

use crate::detection::Detection;
use crate::error::Error;
use crate::letterbox::Geometry;
use crate::memory::{FreeReport, MemoryReport};
use crate::size::Size;
use crate::speed::Speed;

/// The worker's first message: where to send requests, and where its replies come from.
#[derive(Serialize, Deserialize)]
pub struct Greeting {
    pub requests: IpcSender<Request>,
    pub replies: IpcReceiver<Reply>,
}

/// What a worker is asked.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Search a picture: RGB, row after row.
    Detect { size: Size, pixels: IpcSharedMemory },
    /// Say what is held.
    Memory,
    /// Give the workspace back.
    Trim,
}

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It is ready; the geometry of its inputs.
    Loaded(Geometry),
    /// To [`Request::Detect`].
    Found { detections: Vec<Detection>, speed: Speed },
    /// To [`Request::Memory`].
    Memory(MemoryReport),
    /// To [`Request::Trim`].
    Trimmed(FreeReport),
    /// An error of the detector, in words.
    Failed(String),
}

impl Greeting {
    /// Greets on the channel `name`; returns the worker's ends.
    pub fn send(name: String) -> Result<(IpcReceiver<Request>, IpcSender<Reply>), Error> {
        let (requests, inbox) = channel().map_err(Error::worker)?;
        let (outbox, replies) = channel().map_err(Error::worker)?;
        let greeting = Self { requests, replies };
        IpcSender::connect(name).map_err(Error::worker)?.send(greeting).map_err(Error::worker)?;
        Ok((inbox, outbox))
    }

    /// Greets in place of a worker that did not, to end the wait for it.
    pub fn nobodys(name: String) -> Result<(), Error> {
        Self::send(name).map(drop)
    }
}

/// Whether a failed receive means that the other side is gone.
pub fn is_end(error: &IpcError) -> bool {
    matches!(error, IpcError::Disconnected)
}
