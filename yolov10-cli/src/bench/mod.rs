//! `bench`: how long detection takes on this machine, stage by stage, and how much memory it holds.

mod measure;
mod plot;
mod sample;
mod table;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use yolov10_model::letterbox::Fit;
use yolov10_model::{Device, Options, picture};

use crate::engine_args::{InputSize, KernelArgs};
use crate::outcome::Outcome;
use crate::setup::Setup;
use crate::{demo, message};
use measure::{Budget, Choice, Picture, measure};
use plot::Plot;

/// Measure speed and memory: stages, percentiles, throughput, GFLOP/s; one row for each combination of weights, device, size, threads and batch.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Weight files in any form, or n, s, m, b, l, x for the authors' own [default: the built-in demo].
    #[arg(long, short, visible_alias = "model", value_name = "FILE,..", value_delimiter = ',')]
    weights: Vec<PathBuf>,
    /// The picture to search [default: the built-in one].
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Input sizes in pixels, separated by spaces; a comma separates height and width.
    #[arg(long, value_name = "PIXELS", num_args = 1..)]
    imgsz: Vec<InputSize>,
    /// Use the whole input size instead of the smallest input that the picture fits into.
    #[arg(long)]
    no_rect: bool,
    /// Where to compute: cpu, flex, cuda, cuda:N, wgpu.
    #[arg(long, value_name = "DEVICE,..", value_delimiter = ',', default_value = "cpu")]
    device: Vec<Device>,
    /// Threads of the CPU engine [default: the physical cores this process may use].
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    threads: Vec<NonZeroUsize>,
    /// Pictures per call; the CPU engine takes them one by one.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1")]
    batch: Vec<NonZeroUsize>,
    /// Where to keep a GPU's compiled and tuned kernels [default: this program's cache folder].
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<PathBuf>,
    #[command(flatten)]
    kernels: KernelArgs,
    /// Seconds to run before measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = parse_seconds)]
    warmup: f64,
    /// Seconds to measure.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = parse_seconds)]
    duration: f64,
    /// Measure this many runs, instead of --duration.
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    iterations: Option<NonZeroUsize>,
    /// Print one JSON object per row, each on its own line.
    #[arg(long)]
    json: bool,
    /// Draw a chart of the latencies of all rows.
    #[arg(long, value_name = "FILE.png", value_parser = parse_plot)]
    plot: Option<PathBuf>,
}

pub fn bench(args: &Args) -> Result<Outcome> {
    let source = args.source.as_deref();
    let name = source.map_or(demo::PICTURE_NAME.to_owned(), |path| path.display().to_string());
    let bytes =
        source.map_or(Ok(demo::PICTURE.into()), |path| read(path).map(Cow::from)).with_context(|| name.clone())?;
    let picture = Picture::decode(bytes).with_context(|| name)?;
    if args.weights.is_empty() {
        message::note(format_args!("no --weights: measuring the {}", demo::WEIGHTS_NAME));
    }
    let budget = args.iterations.map_or(Budget::Seconds(args.duration), Budget::Runs);
    let plot = args.plot.as_deref().map(Plot::create).transpose()?;
    let mut rows = Vec::new();
    for choice in choices(args) {
        let row = measure(&choice, &picture, args.warmup, budget)?;
        if rows.is_empty() && !args.json {
            message::result(table::head())?;
        }
        message::result(if args.json { serde_json::to_string(&row)? } else { table::row(&row) })?;
        rows.push(row);
    }
    plot.map_or(Ok(()), |plot| plot.keep(&rows))?;
    Ok(Outcome::Done)
}

/// A file's bytes, or more of a device's than any picture may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(picture::Budget::default().bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Every requested combination.
fn choices(args: &Args) -> Vec<Choice> {
    let fit = if args.no_rect { Fit::Full } else { Fit::Minimal };
    let mut choices = Vec::new();
    for weights in each(&args.weights) {
        for size in each(&args.imgsz) {
            for &device in &args.device {
                for threads in each(&args.threads) {
                    let input = size.map(|InputSize(size)| size);
                    let mut options = Options { input, fit, ..args.kernels.options(device) };
                    options.cpu.threads = threads;
                    let setup = Setup { weights: weights.clone(), names: None, cache: args.cache_dir.clone(), options };
                    let choice = |batch| Choice { setup: setup.clone(), batch };
                    choices.extend(args.batch.iter().copied().map(choice));
                }
            }
        }
    }
    choices
}

/// The values, or a single `None`, which leaves the choice to the setup.
fn each<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.iter().cloned().map(Some).collect() }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86400.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds, 0 to 86400".to_owned())
}

fn parse_plot(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    is_png.then_some(path).ok_or_else(|| "expected a file name that ends in .png".to_owned())
}
