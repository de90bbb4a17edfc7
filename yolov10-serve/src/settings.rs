//! What a server is told when it starts.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use yolov10_model::{Options, Weights};

/// What a closure of [`Maker`] may fail with.
pub type MakeError = Box<dyn std::error::Error + Send + Sync>;

/// How detectors are made: all that a server knows of weight files and engines.
pub struct Maker {
    /// Reads the weights at a path, whatever form they have.
    #[expect(clippy::type_complexity, reason = "a closure is as long as its signature")]
    pub open: Box<dyn Fn(&Path) -> Result<Arc<Weights>, MakeError> + Send + Sync>,
    /// What a detector is made with. Its selection's confidence is what `/v1` answers have by default; the protocol's
    /// outputs hold all rows.
    pub options: Options,
    /// Starts a worker process for the weights at a path, where each detector is to have its own.
    #[expect(clippy::type_complexity, reason = "a closure is as long as its signature")]
    pub isolate: Option<Box<dyn Fn(&Path) -> Command + Send + Sync>>,
}

/// A model by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What requests call it.
    pub name: String,
    /// Its weights.
    pub file: PathBuf,
}

/// A video that `/view` may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What requests call it.
    pub name: String,
    /// A file, a stream's address or a camera's number.
    pub address: String,
}

/// What requests may take of the server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of a video's.
    pub video: u64,
    /// Pixels of a picture.
    pub pixels: u64,
    /// Pictures of a model that wait.
    pub queue: usize,
    /// Until the work on a request begins.
    pub deadline: Duration,
    /// For a client to send its request's head, or a further piece of its body.
    pub patience: Duration,
    /// Connections that are open at a time.
    pub connections: usize,
    /// Pictures decoded at a time.
    pub decoders: usize,
    /// Views that are open at a time.
    pub views: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            body: 20_000_000,
            video: 1_000_000_000,
            pixels: 50_000_000,
            queue: 32,
            deadline: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            connections: 1024,
            decoders: cores,
            views: 8,
        }
    }
}

/// When memory goes back without being asked for.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Bytes that models, requests and pictures may take together.
    pub budget: Option<u64>,
    /// A model is unloaded after so long without work.
    pub idle_unload: Option<Duration>,
    /// Its workspace is given back after so long without work.
    pub trim_after: Option<Duration>,
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What requests have to show, where there is one.
    pub token: Option<String>,
    /// Serve beyond this machine without a token.
    pub no_auth: bool,
    /// Certificate chain and private key, as PEM files.
    pub tls: Option<[PathBuf; 2]>,
    /// Origins whose pages may use the server from a browser.
    pub origins: Vec<String>,
    /// Hosts that pictures are fetched from.
    pub fetch_hosts: Vec<String>,
}

/// The form of the lines on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// What a server is told when it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Models to load at the start.
    pub models: Vec<Named>,
    /// A folder of models: of weight files, or of folders as Triton has them.
    pub repository: Option<PathBuf>,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where gRPC is served, if at all.
    pub grpc: Option<SocketAddr>,
    /// Detectors of a model.
    pub instances: NonZeroUsize,
    /// Whether models of the repository, evicted ones and idle ones are loaded when they are asked for.
    pub on_demand: bool,
    /// What requests may take.
    pub limits: Limits,
    /// When memory goes back.
    pub memory: Memory,
    /// Who may do what.
    pub access: Access,
    /// Videos to view.
    pub sources: Vec<Source>,
    /// How it logs.
    pub log: LogFormat,
    /// How long it serves on after it was told to end.
    pub shutdown_delay: Duration,
}
