//! `bench`: how long detection takes on this machine, stage by stage, and what memory it holds.

mod resident;
mod sample;
mod table;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use yolov10_model::{Detector, Device, Fit, Inventory, Selection, Size, Speed, decode_picture};

use crate::engine_args::{InputSize, KernelArgs};
use crate::model::Setup;
use crate::outcome::Outcome;
use crate::{demo, message};
use resident::{peak_resident_bytes, resident_bytes};
use sample::{Summary, milliseconds, summarize};

/// Measure speed and memory: stages, percentiles, throughput, GFLOP/s; a row per weights, device, size and threads.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Weight files in any form; the built-in demo if left out.
    #[arg(long, short, value_name = "FILE,..", value_delimiter = ',')]
    weights: Vec<PathBuf>,
    /// The picture to search; the built-in one if left out.
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Input sizes in pixels; several are separated by spaces, as a comma separates height and width.
    #[arg(long, value_name = "PIXELS", num_args = 1..)]
    imgsz: Vec<InputSize>,
    /// Use the whole of the input size instead of the smallest part that the picture fits into.
    #[arg(long)]
    no_rect: bool,
    /// Where to compute: cpu, flex, cuda, cuda:N, wgpu.
    #[arg(
        long,
        value_name = "DEVICE,..",
        value_delimiter = ',',
        default_value = "cpu"
    )]
    device: Vec<Device>,
    /// Threads of the CPU engine [default: the physical cores this process may use].
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    threads: Vec<NonZeroUsize>,
    #[command(flatten)]
    kernels: KernelArgs,
    /// Seconds of runs before the clock counts.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = parse_seconds)]
    warmup: f64,
    /// Seconds to measure.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = parse_seconds)]
    duration: f64,
    /// Measure so many runs instead.
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    iterations: Option<NonZeroUsize>,
    /// One JSON object per row and line.
    #[arg(long)]
    json: bool,
}

/// What was measured with one choice of everything.
#[derive(Debug, Serialize)]
struct Row {
    weights: String,
    variant: String,
    device: String,
    /// `None`: as many as the engine chose.
    threads: Option<NonZeroUsize>,
    /// What the network saw, in pixels.
    input: Size,
    /// From the file to a detector, in milliseconds.
    load_ms: f64,
    /// The first picture, for which plans are made and kernels compiled.
    first_ms: f64,
    runs: usize,
    ms: Stages,
    /// Pictures per second, by the mean of preprocess, inference and postprocess.
    images_per_second: f64,
    /// By the median of inference.
    gflop_per_second: f64,
    memory: MemoryUse,
}

#[derive(Debug, Serialize)]
struct Stages {
    preprocess: Summary,
    inference: Summary,
    postprocess: Summary,
    /// The three together.
    detect: Summary,
    /// From the bytes of the picture file to detections.
    end_to_end: Summary,
}

/// Resident bytes of the process; `None` where the system does not tell.
#[derive(Debug, Serialize)]
struct MemoryUse {
    before_load: Option<u64>,
    running: Option<u64>,
    after_drop: Option<u64>,
    /// Since the start of the program.
    peak: Option<u64>,
}

pub fn bench(args: &Args) -> Result<Outcome> {
    let source = args.source.as_deref();
    let name = source.map_or(demo::PICTURE_NAME.to_owned(), |path| {
        path.display().to_string()
    });
    let bytes = source
        .map_or(Ok(demo::PICTURE.into()), std::fs::read)
        .with_context(|| name.clone())?;
    if args.weights.is_empty() {
        message::note(format_args!(
            "no --weights: measuring the {}",
            demo::WEIGHTS_NAME
        ));
    }
    let mut out = io::stdout().lock();
    if !args.json {
        table::write_head(&mut out)?;
    }
    for setup in setups(args) {
        let row = measure(args, &setup, &bytes).with_context(|| name.clone())?;
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&row)?)?;
        } else {
            table::write_row(&mut out, &row)?;
        }
    }
    Ok(Outcome::Done)
}

/// Every combination of what was asked for.
fn setups(args: &Args) -> Vec<Setup> {
    let fit = if args.no_rect {
        Fit::Full
    } else {
        Fit::Minimal
    };
    let mut setups = Vec::new();
    for weights in each(&args.weights) {
        for size in each(&args.imgsz) {
            for &device in &args.device {
                for threads in each(&args.threads) {
                    setups.push(Setup {
                        weights: weights.clone(),
                        input: size.map(|InputSize(size)| size),
                        fit,
                        device,
                        threads,
                        kernels: args.kernels,
                    });
                }
            }
        }
    }
    setups
}

/// The values, or the one choice to leave it to the setup.
fn each<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() {
        vec![None]
    } else {
        values.iter().cloned().map(Some).collect()
    }
}

fn measure(args: &Args, setup: &Setup, bytes: &[u8]) -> Result<Row> {
    let picture = decode_picture(bytes)?;
    let before_load = resident_bytes();
    let started = Instant::now();
    let weights = setup.load_weights()?;
    let variant = weights
        .metadata()
        .get("variant")
        .map_or("custom", String::as_str)
        .to_owned();
    let size = Size {
        height: picture.height() as usize,
        width: picture.width() as usize,
    };
    let mut detector = setup.detector(&weights, Selection::default())?;
    let load_ms = milliseconds(started.elapsed());
    let input = detector.letterbox(size)?.input;
    let flops = Inventory::new(&weights, input)?.flops();
    drop(weights);

    let started = Instant::now();
    detector.detect(&picture)?;
    let first_ms = milliseconds(started.elapsed());
    repeat(Budget::Seconds(args.warmup), || {
        detect(&mut detector, &picture)
    })?;
    let budget = args
        .iterations
        .map_or(Budget::Seconds(args.duration), Budget::Runs);
    let speeds = repeat(budget, || detect(&mut detector, &picture))?;
    let end_to_end = repeat(budget, || {
        let started = Instant::now();
        detector.detect(&decode_picture(bytes)?)?;
        Ok(started.elapsed())
    })?;
    let running = resident_bytes();
    drop(detector);
    let after_drop = resident_bytes();

    let stage = |time: fn(&Speed) -> Duration| summarize(speeds.iter().map(time).collect());
    let ms = Stages {
        preprocess: stage(|speed| speed.preprocess),
        inference: stage(|speed| speed.inference),
        postprocess: stage(|speed| speed.postprocess),
        detect: stage(|speed| speed.preprocess + speed.inference + speed.postprocess),
        end_to_end: summarize(end_to_end),
    };
    Ok(Row {
        weights: setup.weights_name(),
        variant,
        device: setup.device.to_string(),
        threads: setup.threads,
        input,
        load_ms,
        first_ms,
        runs: speeds.len(),
        images_per_second: tenths(1e3 / ms.detect.mean),
        gflop_per_second: tenths(flops as f64 / ms.inference.p50 / 1e6),
        ms,
        memory: MemoryUse {
            before_load,
            running,
            after_drop,
            peak: peak_resident_bytes(),
        },
    })
}

fn detect(detector: &mut Detector, picture: &image::RgbImage) -> Result<Speed> {
    detector.detect(picture)?;
    Ok(detector.speed())
}

/// How often to repeat.
#[derive(Clone, Copy)]
enum Budget {
    Seconds(f64),
    Runs(NonZeroUsize),
}

/// What `run` gives, at least once.
fn repeat<T>(budget: Budget, mut run: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let started = Instant::now();
    let mut results = vec![run()?];
    let is_spent = |done: usize| match budget {
        Budget::Seconds(seconds) => started.elapsed().as_secs_f64() >= seconds,
        Budget::Runs(runs) => done >= runs.get(),
    };
    while !is_spent(results.len()) {
        results.push(run()?);
    }
    Ok(results)
}

/// With one digit after the point.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.0..=86400.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds, 0 to 86400".to_owned())
}
