//! `serve`: models over HTTP and gRPC. The server is `yolov10-serve`; this module has its options and makes detectors.

mod args;
mod time;

use std::env;
use std::fs::File;
use std::io::{IsTerminal, Read, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use yolov10_model::isolation;
use yolov10_serve::{Access, Limits, Maker, Memory, Named, Settings, Source, is_name};

pub use args::Args;
use args::Pair;

use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::setup::Setup;

/// How long the server goes on after it was told to end, if stderr is no terminal.
const SHUTDOWN_DELAY: Duration = Duration::from_secs(5);
/// The name of the built-in demo as a model, which also stands for its file.
const DEMO: &str = "demo";
const DEMO_FILE: &str = "built-in:yolov10n-demo";
/// Shortest token, in characters.
const SHORTEST_TOKEN: usize = 16;
/// Bytes of a token's file that are read: a device would have no end.
const LONGEST_TOKEN: u64 = 1 << 16;

/// Serves until it is told to end.
pub fn serve(args: &Args) -> Result<Outcome> {
    let mut setup = args.engine.setup(args.head.assignment())?;
    if let Some(weights) = &args.worker_weights {
        return work(&Setup { weights: file(weights), ..setup });
    }
    ensure!(setup.options.cpu.memory_limit.is_none(), "--memory-limit: a server has --memory-budget");
    args.head.note_what_has_no_effect();
    crate::setup::keep_kernels(setup.options.device, setup.cache.clone())?;
    setup.options.selection.confidence = args.conf;
    let settings = settings(args, setup.weights.as_deref())?;
    let isolate = args.isolate.then(|| Box::new(worker) as Box<dyn Fn(&Path) -> Command + Send + Sync>);
    let options = setup.options.clone();
    let open = move |path: &Path| {
        let weights = Setup { weights: file(path), ..setup.clone() }.load_weights();
        weights.map_err(|error| format!("{error:#}").into())
    };
    yolov10_serve::serve(Maker { open: Box::new(open), options, isolate }, settings)?;
    Ok(Outcome::Done)
}

/// The weight file at `path`; `None` for the built-in demo.
fn file(path: &Path) -> Option<PathBuf> {
    (path != Path::new(DEMO_FILE)).then(|| path.to_owned())
}

/// The command of a worker for the weights at a path: this program again, with the same arguments.
fn worker(weights: &Path) -> Command {
    // The name is a fallback for a system that does not know the path.
    let mut command = Command::new(env::current_exe().unwrap_or_else(|_| PathBuf::from("yolo10-burn")));
    command.args(env::args_os().skip(1)).arg("--worker-weights").arg(weights);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Runs as a worker: detects for the parent until it is gone.
fn work(setup: &Setup) -> Result<Outcome> {
    // Ctrl-C reaches the whole process group, but the parent still needs the current picture.
    Interrupt::leave_to_parent()?;
    let mut setup = setup.clone();
    setup.options.selection.confidence = 0.0;
    isolation::work(|| {
        let weights = setup.load_weights()?;
        setup.detector(&weights)
    })?;
    Ok(Outcome::Done)
}

fn settings(args: &Args, weights: Option<&Path>) -> Result<Settings> {
    let limits = &args.limits;
    let usual = Limits::default();
    let delay = if stderr().is_terminal() { Duration::ZERO } else { SHUTDOWN_DELAY };
    if let Some(folder) = &args.model_repository {
        ensure!(folder.is_dir(), "--model-repository {}: expected a folder", folder.display());
    }
    Ok(Settings {
        models: models(args, weights)?,
        repository: args.model_repository.clone(),
        http: args.http,
        grpc: (!args.no_grpc).then_some(args.grpc),
        instances: args.instances,
        on_demand: args.on_demand,
        limits: Limits {
            body: limits.max_body,
            video: limits.max_video as u64,
            pixels: limits.max_pixels,
            queue: limits.queue.get(),
            deadline: limits.deadline,
            patience: limits.patience,
            connections: limits.max_connections.get(),
            decoders: limits.decoders.map_or(usual.decoders, |decoders| decoders.get()),
            streams: limits.max_streams.get(),
        },
        memory: Memory {
            budget: args.memory_budget.map(|bytes| bytes as u64),
            idle_unload: args.idle_unload,
            trim_after: args.trim_after,
        },
        access: access(args)?,
        sources: args
            .source
            .iter()
            .map(|Pair { name, value }| Source { name: name.clone(), address: value.clone() })
            .collect(),
        log: args.log_format.into(),
        shutdown_delay: args.shutdown_delay.unwrap_or(delay),
    })
}

/// The named models; otherwise the given weights or the built-in demo, under their own name.
fn models(args: &Args, weights: Option<&Path>) -> Result<Vec<Named>> {
    let mut models: Vec<Named> =
        args.model.iter().map(|Pair { name, value }| Named { name: name.clone(), file: value.into() }).collect();
    match weights {
        Some(file) => {
            let name = file.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_name(stem));
            let Some(name) = name else {
                bail!("--weights {}: no model's name; use --model NAME=FILE", file.display())
            };
            models.push(Named { name: name.to_owned(), file: file.to_owned() });
        }
        None if models.is_empty() && args.model_repository.is_none() => {
            models.push(Named { name: DEMO.to_owned(), file: DEMO_FILE.into() });
        }
        None => {}
    }
    Ok(models)
}

fn access(args: &Args) -> Result<Access> {
    let access = &args.access;
    let token = access.token_file.as_deref().map(read_token).transpose()?;
    for origin in &access.cors {
        let is_origin =
            origin.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains(['/', '*']));
        ensure!(is_origin, "--cors {origin}: expected an origin like https://example.org");
    }
    Ok(Access {
        token,
        no_auth: access.no_auth,
        tls: access.tls_cert.clone().zip(access.tls_key.clone()).map(|(cert, key)| [cert, key]),
        origins: access.cors.clone(),
        fetch_hosts: access.allow_url.clone(),
    })
}

fn read_token(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_TOKEN).read_to_string(&mut text));
    read.with_context(|| format!("--token-file {}", file.display()))?;
    let token = text.trim();
    ensure!(
        token.len() >= SHORTEST_TOKEN && token.chars().all(|c| c.is_ascii_graphic()),
        "--token-file {}: expected {SHORTEST_TOKEN} letters and digits or more, found {}",
        file.display(),
        token.chars().count()
    );
    Ok(token.to_owned())
}
