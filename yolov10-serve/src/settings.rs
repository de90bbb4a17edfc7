//! The settings of a server.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use yolov10_model::{Options, Weights};

/// The error of the closures in [`Maker`].
pub type MakeError = Box<dyn std::error::Error + Send + Sync>;

/// Makes detectors: all that a server knows about weight files and engines.
pub struct Maker {
    /// Reads the weights at a path, in any form.
    #[expect(clippy::type_complexity, reason = "a closure is as long as its signature")]
    pub open: Box<dyn Fn(&Path) -> Result<Arc<Weights>, MakeError> + Send + Sync>,
    /// Options of the detectors. The confidence of the selection is the default of `/v1` requests; the protocol's
    /// outputs hold all rows.
    pub options: Options,
    /// Makes the command of a worker process for the weights at a path, if each detector is to have its own process.
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

/// Limits on requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body of a request, in bytes.
    pub body: usize,
    /// Largest video, in bytes.
    pub video: u64,
    /// Largest picture, in pixels.
    pub pixels: u64,
    /// Most pictures waiting for a model.
    pub queue: usize,
    /// How long a request may wait for its search to start.
    pub deadline: Duration,
    /// How long a client may take to send a request's head or the next piece of its body, or to read more of an answer.
    pub patience: Duration,
    /// Most connections at a time.
    pub connections: usize,
    /// Most pictures decoded at a time.
    pub decoders: usize,
    /// Most videos and views at a time.
    pub streams: usize,
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
            // The detectors use the others.
            decoders: cores.div_ceil(2),
            streams: 8,
        }
    }
}

/// When memory is freed without a request.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Bytes that models, requests and pictures may hold together.
    pub budget: Option<u64>,
    /// Unload a model after this long without work.
    pub idle_unload: Option<Duration>,
    /// Free its workspace after this long without work.
    pub trim_after: Option<Duration>,
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The token that requests must send, if any.
    pub token: Option<String>,
    /// Serve other machines without a token.
    pub no_auth: bool,
    /// Certificate chain and private key, as PEM files.
    pub tls: Option<[PathBuf; 2]>,
    /// Origins whose pages may use the server from a browser.
    pub origins: Vec<String>,
    /// Hosts that pictures may be fetched from.
    pub fetch_hosts: Vec<String>,
}

/// The format of the log on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Models to load at the start.
    pub models: Vec<Named>,
    /// A folder of models: weight files, or folders in Triton's layout.
    pub repository: Option<PathBuf>,
    /// Where to serve HTTP.
    pub http: SocketAddr,
    /// Where to serve gRPC, if at all.
    pub grpc: Option<SocketAddr>,
    /// Detectors per model.
    pub instances: NonZeroUsize,
    /// Whether a request loads models of the repository, and evicted or idle ones.
    pub on_demand: bool,
    /// Limits on requests.
    pub limits: Limits,
    /// When to free memory.
    pub memory: Memory,
    /// Who may do what.
    pub access: Access,
    /// Videos to view.
    pub sources: Vec<Source>,
    /// The format of the log.
    pub log: LogFormat,
    /// How long to keep serving after being told to end.
    pub shutdown_delay: Duration,
}
