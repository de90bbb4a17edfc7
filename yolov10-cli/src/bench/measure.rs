//! Measures one combination of weights, size, device and threads.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Result;
use image::RgbImage;
use serde::Serialize;
use yolov10_media::milliseconds;
use yolov10_model::inventory::Inventory;
use yolov10_model::memory::{peak_resident, resident};
use yolov10_model::options::{Isa, physical_cores};
use yolov10_model::picture::decode_picture;
use yolov10_model::speed::Speed;
use yolov10_model::{Detector, Device, Options, Precision, Size};

use super::sample::{Summary, summarize};
use crate::setup::Setup;

/// What was measured for one combination.
#[derive(Debug, Serialize)]
pub struct Row {
    pub weights: String,
    pub variant: String,
    pub device: String,
    /// Threads of the CPU engine.
    pub threads: Option<NonZeroUsize>,
    /// The kernels that ran.
    pub kernels: Kernels,
    /// Pictures per call; times are per picture.
    pub batch: NonZeroUsize,
    /// The requested input size, in pixels.
    pub imgsz: Size,
    /// The actual input of the network, in pixels.
    pub input: Size,
    /// Milliseconds to load the file and make a detector.
    pub load_ms: f64,
    /// Milliseconds of the first call, which makes plans and compiles kernels.
    pub first_ms: f64,
    /// How many calls were measured.
    pub runs: usize,
    pub ms: Stages,
    /// Pictures per second, by the mean of preprocess, inference and postprocess.
    pub images_per_second: f64,
    /// By the median of inference.
    pub gflop_per_second: f64,
    pub memory: MemoryUse,
}

/// How a device computed.
#[derive(Debug, Serialize)]
pub struct Kernels {
    /// Instruction set of the CPU engine.
    pub isa: Option<String>,
    pub dtype: String,
    /// Every convolution was computed directly, without Winograd transforms.
    pub exact: bool,
}

impl Kernels {
    /// The kernels that these options select.
    fn of(options: &Options) -> Self {
        let usual = if matches!(options.device, Device::Cpu | Device::Flex) { Precision::F32 } else { Precision::Tf32 };
        let isa = (options.device == Device::Cpu).then(|| options.cpu.isa.unwrap_or_else(Isa::detect).to_string());
        Self { isa, dtype: options.precision.unwrap_or(usual).to_string(), exact: options.cpu.exact }
    }
}

#[derive(Debug, Serialize)]
pub struct Stages {
    pub preprocess: Summary,
    pub inference: Summary,
    pub postprocess: Summary,
    /// The sum of the three.
    pub detect: Summary,
    /// From the bytes of the picture file to detections.
    pub end_to_end: Summary,
}

/// Resident bytes of the process; `None` if the system does not report them.
#[derive(Debug, Serialize)]
pub struct MemoryUse {
    pub before_load: Option<u64>,
    pub running: Option<u64>,
    pub after_drop: Option<u64>,
    /// Since the start of the program.
    pub peak: Option<u64>,
}

/// The picture to search.
pub struct Picture {
    /// The bytes of its file.
    bytes: Cow<'static, [u8]>,
    pixels: RgbImage,
}

impl Picture {
    pub fn decode(bytes: Cow<'static, [u8]>) -> Result<Self> {
        let pixels = decode_picture(&bytes)?;
        Ok(Self { bytes, pixels })
    }
}

/// One combination to measure.
pub struct Choice {
    pub setup: Setup,
    /// Pictures at a time.
    pub batch: NonZeroUsize,
}

/// Loads, warms up for `warmup` seconds, and measures twice within `budget`: detection alone, then with decoding.
pub fn measure(choice: &Choice, picture: &Picture, warmup: f64, budget: Budget) -> Result<Row> {
    let Choice { setup, batch } = choice;
    let Picture { bytes, pixels } = picture;
    let pictures = vec![pixels.clone(); batch.get()];
    let before_load = resident();
    let started = Instant::now();
    let weights = setup.load_weights()?;
    let variant = weights.metadata().get("variant").map_or("custom", String::as_str).to_owned();
    let imgsz = setup.options.input.map_or(weights.input_size(), Size::to_stride);
    let mut detector = setup.detector(&weights)?;
    let load_ms = milliseconds(started.elapsed());
    let input = detector.letterbox(Size::of(pixels))?.input;
    let flops = Inventory::new(&weights, input)?.flops();
    drop(weights);

    let started = Instant::now();
    detector.detect_batch(&pictures)?;
    let first_ms = milliseconds(started.elapsed());
    repeat(Budget::Seconds(warmup), || detect(&mut detector, &pictures))?;
    let speeds = repeat(budget, || detect(&mut detector, &pictures))?;
    let end_to_end = repeat(budget, || {
        let started = Instant::now();
        let decoded = pictures.iter().map(|_| decode_picture(bytes));
        detector.detect_batch(&decoded.collect::<Result<Vec<_>, _>>()?)?;
        Ok(started.elapsed() / pictures.len() as u32)
    })?;
    let running = resident();
    drop(detector);
    let after_drop = resident();

    let stage = |time: fn(&Speed) -> Duration| summarize(speeds.iter().map(time).collect());
    let ms = Stages {
        preprocess: stage(|speed| speed.preprocess),
        inference: stage(|speed| speed.inference),
        postprocess: stage(|speed| speed.postprocess),
        detect: stage(Speed::total),
        end_to_end: summarize(end_to_end),
    };
    Ok(Row {
        weights: setup.weights_name(),
        variant,
        device: setup.options.device.to_string(),
        threads: (setup.options.device == Device::Cpu)
            .then(|| setup.options.cpu.threads.unwrap_or_else(physical_cores)),
        kernels: Kernels::of(&setup.options),
        batch: *batch,
        imgsz,
        input,
        load_ms,
        first_ms,
        runs: speeds.len(),
        images_per_second: tenths(1e3 / ms.detect.mean),
        gflop_per_second: tenths(flops as f64 / ms.inference.p50 / 1e6),
        ms,
        memory: MemoryUse { before_load, running, after_drop, peak: peak_resident() },
    })
}

fn detect(detector: &mut Detector, pictures: &[RgbImage]) -> Result<Speed> {
    detector.detect_batch(pictures)?;
    Ok(detector.speed())
}

/// When to stop repeating.
#[derive(Clone, Copy)]
pub enum Budget {
    Seconds(f64),
    Runs(NonZeroUsize),
}

/// Calls `run` at least once, until the budget is used up, and returns its results.
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

/// Rounded to one decimal.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
