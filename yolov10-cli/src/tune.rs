//! `tune`: tries every kernel that a GPU could use, and keeps the fastest for later runs. Without it a rule chooses the
//! kernels, which takes less time and no memory for trials.

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::time::Instant;

use anyhow::Result;
use image::RgbImage;
use indicatif::{ProgressBar, ProgressStyle};
use yolov10_model::selection::Assignment;
use yolov10_model::{Device, Size, Weights};

use crate::engine_args::{EngineArgs, InputSize};
use crate::message;
use crate::outcome::Outcome;
use crate::setup::{GRAPHS_REFUSED, kernel_folder};

/// Three runs cover every way to run: eager, recorded, replayed.
const RUNS: usize = 3;

/// Find a GPU's fastest kernels for given picture and batch sizes, and keep them for later runs.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// Sizes of the pictures to be searched, in pixels: one side, or height,width [default: 640].
    #[arg(long, value_name = "PIXELS", num_args = 1..)]
    picture: Vec<InputSize>,
    /// Sizes of the batches to be searched.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    batch: Vec<NonZeroU32>,
}

pub fn tune(args: &Args) -> Result<Outcome> {
    let setup = args.engine.setup(Assignment::OneToOne)?;
    let device = setup.options.device;
    if matches!(device, Device::Cpu | Device::Flex) {
        message::note(format_args!("{device}: nothing to tune, its kernels are part of this program"));
        return Ok(Outcome::Done);
    }
    let sizes: Vec<Size> = match args.picture.as_slice() {
        // Fills the whole input of most weights.
        [] => vec![Size::square(Weights::DEFAULT_SIDE)],
        sizes => sizes.iter().map(|InputSize(size)| *size).collect(),
    };
    let started = Instant::now();
    device.tune_kernels(kernel_folder(setup.cache.clone()).as_deref())?;
    let mut detector = setup.detector(&setup.load_weights()?)?;
    let bar = bar(sizes.len() * args.batch.len() * RUNS);
    for size in sizes {
        for batch in &args.batch {
            bar.set_message(format!("{batch} x {size}"));
            let picture = RgbImage::new(size.width as u32, size.height as u32);
            let pictures = vec![picture; batch.get() as usize];
            for _ in 0..RUNS {
                detector.detect_batch(&pictures)?;
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    if detector.graphs_refused() {
        message::note(GRAPHS_REFUSED);
    }
    message::note(format_args!("{device}: tuned in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(Outcome::Done)
}

/// A progress bar that counts runs, shown on a terminal.
fn bar(runs: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("tuning for {msg} {bar:30} {pos}/{len} {elapsed}");
    ProgressBar::new(runs as u64).with_style(style.expect("the template is well formed"))
}
