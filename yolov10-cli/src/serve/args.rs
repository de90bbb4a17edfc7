//! The options of `serve`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use yolov10_serve::LogFormat;

use super::time::parse_time;
use crate::engine_args::{EngineArgs, parse_bytes};
use crate::head_args::{HeadArgs, parse_share};

/// The help of `--weights` for this command.
const WEIGHTS: &str = "Weights to serve under the name of their file; without this, --model and --model-repository, the built-in demo is served";

/// Serve models over HTTP and gRPC, and give their memory back on request.
#[derive(clap::Args, Debug)]
#[command(mut_arg("memory_limit", |limit| limit.hide(true)))]
// Here --model is an option of its own.
#[command(mut_arg("weights", |weights| weights.visible_alias(None).help(WEIGHTS)))]
pub struct Args {
    /// A model to load and serve: its name, and its weights in any form; may be repeated.
    #[arg(long, value_name = "NAME=FILE")]
    pub model: Vec<Pair>,
    /// A folder of models: weight files, or folders as Triton has them (NAME/1/FILE).
    #[arg(long, value_name = "FOLDER")]
    pub model_repository: Option<PathBuf>,
    /// Where to serve HTTP; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = parse_address)]
    pub http: SocketAddr,
    /// Where to serve gRPC; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001", value_parser = parse_address)]
    pub grpc: SocketAddr,
    /// Serve no gRPC.
    #[arg(long)]
    pub no_grpc: bool,
    /// Detectors per model, which work at the same time.
    #[arg(long, value_name = "N", default_value = "1")]
    pub instances: NonZeroUsize,
    /// Run each detector in a worker process: all of its memory is given back when it ends, and a crash costs one request.
    #[arg(long)]
    pub isolate: bool,
    /// Load models of the repository, and those that were evicted or idle, when a request needs them.
    #[arg(long)]
    pub on_demand: bool,
    /// Limit for all models, requests and decoded pictures together, such as 2GB; the model that was idle longest is evicted first.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub memory_budget: Option<usize>,
    /// Unload a model after this long without work, such as 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub idle_unload: Option<Duration>,
    /// Give a model's workspace back after this long without work, such as 60s.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub trim_after: Option<Duration>,
    /// A video that /v1/models/N/view may show: its name, and a file, the address of a stream or the number of a camera.
    #[arg(long, value_name = "NAME=URL")]
    pub source: Vec<Pair>,
    /// Answer /v1 requests with scores above this, 0 to 1, unless the request says otherwise.
    #[arg(long, value_name = "SHARE", default_value = "0.25", value_parser = parse_share)]
    pub conf: f32,
    #[command(flatten)]
    pub access: AccessArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The format of the log on stderr.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
    /// How long to keep serving after SIGTERM, while no longer ready [default: 5s; 0 if stderr is a terminal].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub shutdown_delay: Option<Duration>,
    /// The weights of a worker process.
    #[arg(long, hide = true)]
    pub worker_weights: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub head: HeadArgs,
}

/// Who may do what.
#[derive(clap::Args, Debug)]
pub struct AccessArgs {
    /// A file with the token that requests must send, as "authorization: Bearer TOKEN".
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Serve other machines without a token.
    #[arg(long, conflicts_with = "token_file")]
    pub no_auth: bool,
    /// Certificate chain for TLS, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key for TLS, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// An origin whose pages may use the server from a browser, such as https://example.org; may be repeated.
    #[arg(long, value_name = "ORIGIN")]
    pub cors: Vec<String>,
    /// Hosts that pictures may be fetched from; for one in your own network, name its address too.
    #[arg(long, value_name = "HOST,..", value_delimiter = ',')]
    pub allow_url: Vec<String>,
}

/// What requests may take.
#[derive(clap::Args, Debug)]
pub struct LimitArgs {
    /// Largest request.
    #[arg(long, value_name = "BYTES", default_value = "20MB", value_parser = parse_bytes)]
    pub max_body: usize,
    /// Largest video.
    #[arg(long, value_name = "BYTES", default_value = "1GB", value_parser = parse_bytes)]
    pub max_video: usize,
    /// Largest picture, in pixels.
    #[arg(long, value_name = "N", default_value = "50000000")]
    pub max_pixels: u64,
    /// Most pictures waiting for a model.
    #[arg(long, value_name = "N", default_value = "32")]
    pub queue: NonZeroUsize,
    /// How long a request may wait for its search to start.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    pub deadline: Duration,
    /// How long a client may take to send a request's headers or the next piece of its body, or to read more of an answer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub patience: Duration,
    /// Most connections at a time.
    #[arg(long, value_name = "N", default_value = "1024")]
    pub max_connections: NonZeroUsize,
    /// Pictures decoded at a time [default: half of the cores this process may use].
    #[arg(long, value_name = "N")]
    pub decoders: Option<NonZeroUsize>,
    /// Most videos and views at a time.
    #[arg(long, value_name = "N", default_value = "8")]
    pub max_streams: NonZeroUsize,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("expected NAME=VALUE, found {text:?}")),
        }
    }
}

/// The format of the log on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

/// `127.0.0.1:8000`, `localhost:8000`, or `:8000` for every address of this machine.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let mut found = whole.to_socket_addrs().map_err(|error| format!("expected an address and a port: {error}"))?;
    found.next().ok_or_else(|| "expected an address and a port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_a_name_and_a_file() {
        let pair = |name: &str, value: &str| Ok(Pair { name: name.to_owned(), value: value.to_owned() });
        assert_eq!("n=a=b.pt".parse(), pair("n", "a=b.pt"));
        for wrong in ["", "n", "n=", "=a.pt"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_leave_out_its_host() {
        assert_eq!(parse_address(":80"), Ok("0.0.0.0:80".parse().expect("an address")));
        assert_eq!(parse_address("[::1]:0"), Ok("[::1]:0".parse().expect("an address")));
        for wrong in ["", "8000", "127.0.0.1", "127.0.0.1:70000"] {
            assert!(parse_address(wrong).is_err(), "{wrong}");
        }
    }
}
