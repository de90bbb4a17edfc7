//! A detector in a separate process: when the worker ends, the operating system takes everything back, including a GPU's
//! context, and whatever kills the worker is an error here.
//!
//! Messages go through ipc-channel, pixels through shared memory. The protocol is in `message`, the worker's side in
//! `worker`.

mod message;
mod worker;

use std::process::{self, Child, Command};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{env, fmt, fs, thread};

use ipc_channel::TryRecvError;
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory};

use crate::detection::Detection;
use crate::error::Error;
use crate::letterbox::{Geometry, Letterbox};
use crate::memory::{FreeReport, MemoryReport, resident};
use crate::pixels::Pixels;
use crate::size::Size;
use crate::speed::Speed;
use message::{Greeting, Reply, Request, is_end};

pub use worker::{is_worker, work};

/// The environment variable that names the channel for the worker's greeting, so that its arguments can be the parent's.
const CHANNEL: &str = "YOLO10_BURN_WORKER";
/// How often to check on a worker that has not greeted yet.
const GLANCE: Duration = Duration::from_millis(20);

/// The same as a [`Detector`](crate::Detector), in a worker process.
///
/// If a worker is killed, hangs or sends nonsense, the call returns an [`Error::Worker`] within the given patience, and the
/// next call starts a fresh worker. Dropping this ends the worker.
#[derive(Debug)]
pub struct IsolatedDetector {
    command: Command,
    patience: Duration,
    worker: Option<Worker>,
    geometry: Geometry,
    speed: Speed,
}

impl IsolatedDetector {
    /// A patience for every machine: compiling all kernels on a slow GPU takes less.
    pub const PATIENCE: Duration = Duration::from_secs(300);

    /// Starts `command` as a worker, which must call [`work`]. Usually it is the same program with the same arguments, and
    /// asks [`is_worker`]. `patience` bounds every wait: for the worker to load, and for each picture.
    ///
    /// # Errors
    /// The worker does not start, or reports why it can't load.
    pub fn new(mut command: Command, patience: Duration) -> Result<Self, Error> {
        let (worker, geometry) = Worker::start(&mut command, patience)?;
        Ok(Self { command, patience, worker: Some(worker), geometry, speed: Speed::default() })
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
    /// The detector's own, or [`Error::Worker`].
    pub fn detect<'a>(&mut self, image: impl Into<Pixels<'a>>) -> Result<Vec<Detection>, Error> {
        let image = image.into();
        let size = image.size();
        // Refuses a picture without pixels: shared memory can't be empty.
        self.letterbox(size)?;
        let request = Request::Detect { size, pixels: IpcSharedMemory::from_bytes(&image.rgb()) };
        match self.ask(request)? {
            Reply::Found { detections, speed } => {
                self.speed = speed;
                Ok(detections)
            }
            other => Err(self.give_up(other)),
        }
    }

    /// How long the stages of the last call took in the worker.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// What the worker's detector and process hold.
    ///
    /// # Errors
    /// [`Error::Worker`].
    pub fn memory(&mut self) -> Result<MemoryReport, Error> {
        match self.ask(Request::Memory)? {
            Reply::Memory(report) => Ok(report),
            other => Err(self.give_up(other)),
        }
    }

    /// Has the worker's detector give back everything but the weights.
    ///
    /// # Errors
    /// [`Error::Worker`].
    pub fn trim(&mut self) -> Result<FreeReport, Error> {
        match self.ask(Request::Trim)? {
            Reply::Trimmed(report) => Ok(report),
            other => Err(self.give_up(other)),
        }
    }

    /// Ends the worker. When this returns, the process is gone, with all that it held.
    ///
    /// # Errors
    /// [`Error::Worker`]: it could not say what it held.
    pub fn close(mut self) -> Result<FreeReport, Error> {
        let (started, before) = (Instant::now(), self.memory()?);
        drop(self);
        let after = MemoryReport { resident: resident(), ..MemoryReport::default() };
        FreeReport::new(before, after, after.total(), started.elapsed()).checked()
    }

    /// The worker's process, while there is one.
    pub fn process(&self) -> Option<u32> {
        self.worker.as_ref().map(|worker| worker.process.id())
    }

    fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        let patience = self.patience;
        let reply = self.worker()?.ask(request, patience);
        if reply.is_err() {
            // Its state is unknown: the next call starts a fresh one.
            self.worker = None;
        }
        match reply? {
            Reply::Failed(reason) => Err(Error::worker(reason)),
            reply => Ok(reply),
        }
    }

    /// The worker, started if there is none.
    fn worker(&mut self) -> Result<&mut Worker, Error> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => {
                let (worker, geometry) = Worker::start(&mut self.command, self.patience)?;
                self.geometry = geometry;
                worker
            }
        };
        Ok(self.worker.insert(worker))
    }

    /// The worker answered another question: the two are out of step.
    fn give_up(&mut self, reply: Reply) -> Error {
        self.worker = None;
        Error::worker(format!("it gave an answer to another question: {reply:?}"))
    }
}

/// A process that holds a detector. Dropping it ends it.
#[derive(Debug)]
struct Worker {
    process: Process,
    requests: IpcSender<Request>,
    replies: IpcReceiver<Reply>,
}

impl Worker {
    fn start(command: &mut Command, patience: Duration) -> Result<(Self, Geometry), Error> {
        check_temporary_folder()?;
        let (server, name) = IpcOneShotServer::new().map_err(Error::worker)?;
        let child =
            command.env(CHANNEL, &name).spawn().map_err(|error| Error::worker(format!("it did not start: {error}")))?;
        let mut process = Process(child);
        let Greeting { requests, replies } = greeting(server, name, &mut process, patience)?;
        let worker = Self { process, requests, replies };
        match worker.answer(patience)? {
            Reply::Loaded(geometry) => Ok((worker, geometry)),
            Reply::Failed(reason) => Err(Error::worker(reason)),
            other => Err(Error::worker(format!("it began with {other:?}"))),
        }
    }

    fn ask(&mut self, request: Request, patience: Duration) -> Result<Reply, Error> {
        let sent = self.requests.send(request);
        sent.map_err(|_| Error::worker("it has ended"))?;
        self.answer(patience)
    }

    fn answer(&self, patience: Duration) -> Result<Reply, Error> {
        self.replies.try_recv_timeout(patience).map_err(|error| match error {
            TryRecvError::Empty => Error::worker(format!("no answer within {patience:?}")),
            TryRecvError::IpcError(error) if is_end(&error) => Error::worker("it has ended"),
            TryRecvError::IpcError(error) => Error::worker(error),
        })
    }
}

/// Whether the folder for temporary files takes a channel's socket: ipc-channel panics where it does not.
fn check_temporary_folder() -> Result<(), Error> {
    /// Bytes of a socket's address are few, and the socket's own name takes some of them.
    const LONGEST: usize = 80;
    let folder = env::temp_dir();
    let variable = if cfg!(windows) { "TMP" } else { "TMPDIR" };
    let wrong = |why: &dyn fmt::Display| {
        Error::worker(format!("the folder for temporary files, {}: {why}; {variable} names another", folder.display()))
    };
    match folder.to_str() {
        None => return Err(wrong(&"expected a name in UTF-8")),
        Some(name) if cfg!(unix) && name.len() > LONGEST => {
            return Err(wrong(&format_args!("expected a name of at most {LONGEST} bytes, found {}", name.len())));
        }
        Some(_) => (),
    }
    let probe = folder.join(format!(".yolo10-burn-{}-{:?}", process::id(), thread::current().id()));
    fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).map_err(|error| wrong(&error))
}

/// Waits for the worker's first message. Accepting has no timeout, so a thread does it; if no greeting comes, our own
/// releases that thread.
fn greeting(
    server: IpcOneShotServer<Greeting>,
    name: String,
    process: &mut Process,
    patience: Duration,
) -> Result<Greeting, Error> {
    let (accepted, greeted) = channel();
    let waiting = thread::spawn(move || accepted.send(server.accept()));
    let started = Instant::now();
    let failure = loop {
        match greeted.recv_timeout(GLANCE) {
            Ok(Ok((_, greeting))) => return Ok(greeting),
            Ok(Err(error)) => return Err(Error::worker(error)),
            Err(RecvTimeoutError::Disconnected) => break "its greeting was lost".to_owned(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(status) = process.0.try_wait().map_err(Error::worker)? {
            break format!("it ended before it served: {status}");
        }
        if started.elapsed() > patience {
            break format!("it did not serve within {patience:?}");
        }
    };
    if Greeting::nobodys(name).is_ok() {
        // Whether the thread's channel is still open makes no difference now.
        drop(waiting.join());
    }
    Err(Error::worker(failure))
}

/// A process that does not outlive this value.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killed rather than asked, so its state does not matter. Both calls fail only if it is already gone.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
