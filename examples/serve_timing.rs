//! Times the CPU engine from inside, on request: one of the engines that `benches/compare` runs in turns.
//!
//! `serve_timing WEIGHTS.safetensors THREADS [exact | bf16]`
//!
//! Answers each line on stdin with one line of JSON on stdout: `heads INPUT.f32 OUTPUT.f32` loads an input
//! `[3, 640, 640]` and writes the six raw maps, `network` runs that input once more and reports the milliseconds,
//! `picture FILE` goes from the bytes of a picture file to boxes, `drop` frees everything and reports the resident
//! memory before, during and after.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use yolov10_model::inside::{InputRows, MapView, NativeEngine, RawMaps};
use yolov10_model::inventory::Inventory;
use yolov10_model::letterbox::Fit;
use yolov10_model::memory::{peak_resident, resident};
use yolov10_model::options::CpuOptions;
use yolov10_model::picture::decode_picture;
use yolov10_model::selection::Assignment;
use yolov10_model::{Detector, Options, Precision, Size, Weights};

/// The input's sides, in pixels.
const INPUT: Size = Size::square(640);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, threads, flavour @ ..] = arguments.as_slice() else {
        bail!("usage: serve_timing WEIGHTS.safetensors THREADS [exact | bf16]");
    };
    let options = Options {
        input: Some(INPUT),
        fit: Fit::Full,
        precision: flavour.iter().any(|word| word == "bf16").then_some(Precision::Bf16),
        cpu: CpuOptions {
            threads: Some(threads.parse().context("THREADS is not a number")?),
            exact: flavour.iter().any(|word| word == "exact"),
            ..CpuOptions::default()
        },
        ..Options::default()
    };
    let mut server =
        Server { weights: weights.clone(), options, before_load: resident(), network: None, detector: None };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = server.answer(&line.split(' ').collect::<Vec<_>>()).with_context(|| line.clone())?;
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

struct Server {
    weights: String,
    options: Options,
    /// Resident bytes before the detector was made.
    before_load: Option<u64>,
    network: Option<Network>,
    detector: Option<Detector>,
}

struct Network {
    engine: NativeEngine,
    /// Planes `[3, H, W]` in 0..1.
    input: Vec<f32>,
}

impl Server {
    fn answer(&mut self, request: &[&str]) -> Result<Value> {
        match *request {
            ["heads", input, output] => {
                let weights = self.load()?;
                let mut network = Network {
                    engine: NativeEngine::new(
                        &weights,
                        Assignment::OneToOne,
                        &self.options.cpu,
                        self.options.precision.unwrap_or(Precision::F32),
                    )?,
                    input: read_floats(input)?,
                };
                let maps =
                    network.run(|maps| maps.boxes.iter().chain(&maps.classes).flat_map(bytes).collect::<Vec<u8>>())?;
                std::fs::write(output, maps)?;
                self.network = Some(network);
                Ok(json!({ "flops": Inventory::new(&weights, INPUT)?.flops() }))
            }
            ["network"] => {
                let network = self.network.as_mut().context("ask for heads first")?;
                let started = Instant::now();
                network.run(|_| ())?;
                Ok(json!({ "ms": milliseconds(started) }))
            }
            ["picture", file] => {
                let bytes = std::fs::read(file)?;
                let started = Instant::now();
                let picture = decode_picture(&bytes)?;
                let decoded = milliseconds(started);
                if self.detector.is_none() {
                    self.before_load = resident();
                    self.detector = Some(self.load_detector()?);
                }
                let detector = self.detector.as_mut().context("it was just loaded")?;
                let detections = detector.detect(&picture)?;
                Ok(json!({ "ms": milliseconds(started), "decoded_ms": decoded, "detections": detections.len() }))
            }
            ["drop"] => {
                let running = resident();
                self.network = None;
                self.detector = None;
                Ok(json!({
                    "before_load": self.before_load, "running": running,
                    "after_drop": resident(), "peak": peak_resident(),
                }))
            }
            _ => bail!("expected heads, network, picture or drop"),
        }
    }

    fn load(&self) -> Result<Arc<Weights>> {
        Ok(Arc::new(Weights::open(Path::new(&self.weights))?))
    }

    fn load_detector(&self) -> Result<Detector> {
        Ok(Detector::new(&self.load()?, &self.options)?)
    }
}

impl Network {
    fn run<R>(&mut self, read: impl FnOnce(&RawMaps<MapView<'_>>) -> R) -> Result<R> {
        let input = &self.input;
        let fill = |mut rows: InputRows<'_>| {
            for channel in 0..rows.channels() {
                for y in rows.range() {
                    let row = &input[(channel * INPUT.height + y) * INPUT.width..][..INPUT.width];
                    rows.row_mut(channel, y).copy_from_slice(row);
                }
            }
        };
        Ok(self.engine.look(INPUT, fill, read)?)
    }
}

/// A map `[C, H, W]` as little-endian f32.
fn bytes(map: &MapView<'_>) -> Vec<u8> {
    (0..map.channels)
        .flat_map(|channel| (0..map.height).map(move |y| (channel, y)))
        .flat_map(|(channel, y)| (0..map.width).map(move |x| map.get(channel, y, x)))
        .flat_map(f32::to_le_bytes)
        .collect()
}

fn read_floats(path: &str) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    let (floats, _) = bytes.as_chunks();
    Ok(floats.iter().copied().map(f32::from_le_bytes).collect())
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}
