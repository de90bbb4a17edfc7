//! `memory`: what a detector holds in each state, and whether it keeps the memory contract on this machine.
//!
//! The states are those of the contract (docs/memory.md); every promise that one process can check gets a verdict.

mod verdict;

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use image::RgbImage;
use serde::Serialize;
use yolov10_media::milliseconds;
use yolov10_model::memory::{FreeReport, MemoryReport};
use yolov10_model::picture::decode_picture;
use yolov10_model::selection::Assignment;
use yolov10_model::{Detector, Weights};

use crate::engine_args::EngineArgs;
use crate::outcome::Outcome;
use crate::setup::{Setup, keep_kernels};
use crate::{demo, message};
use verdict::{Verdict, flat, gave_back, same, same_use};

/// Check the memory contract: load, run, trim, run and drop, again and again; print what is held, and a verdict per promise.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// How many times to load, run and drop.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..))]
    cycles: u32,
    /// Print one JSON object: states and verdicts.
    #[arg(long)]
    json: bool,
}

/// What was held at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
struct State {
    after: &'static str,
    #[serde(flatten)]
    memory: MemoryReport,
    /// How long freeing took, in milliseconds.
    freeing_ms: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    device: String,
    cycles: u32,
    states: Vec<State>,
    verdicts: Vec<Verdict>,
}

pub fn memory(args: &Args) -> Result<Outcome> {
    let report = Life::new(args.engine.setup(Assignment::OneToOne)?)?.observe(args.cycles)?;
    if args.json {
        message::result(serde_json::to_string(&report)?)?;
    } else {
        message::text(report.table().trim_end())?;
    }
    let is_kept = report.verdicts.iter().all(|verdict| verdict.kept);
    Ok(if is_kept { Outcome::Done } else { Outcome::NotKept })
}

/// What a detector's life cycle needs.
struct Life {
    setup: Setup,
    weights: Arc<Weights>,
    picture: RgbImage,
}

impl Life {
    fn new(setup: Setup) -> Result<Self> {
        // Before the device is asked for the first time, which is before the first detector.
        keep_kernels(setup.options.device, setup.cache.clone())?;
        Ok(Self { weights: setup.load_weights()?, picture: decode_picture(demo::PICTURE)?, setup })
    }

    fn load(&self) -> Result<Detector> {
        self.setup.detector(&self.weights)
    }

    fn observe(&self, cycles: u32) -> Result<Report> {
        let device = self.setup.options.device;
        let mut states = vec![State::new("start", device.memory()?)];
        let mut detector = self.load()?;
        let loaded = detector.memory();
        let found = detector.detect(&self.picture)?;
        let ran = detector.memory();
        // A GPU captures its graph when an input size appears a second time; after that it takes no more memory.
        let second = detector.detect(&self.picture)?;
        let ran_twice = detector.memory();
        let again = detector.detect(&self.picture)?;
        let ran_again = detector.memory();
        let trimmed = detector.trim()?;
        detector.detect(&self.picture)?;
        let after_trim = detector.detect(&self.picture)?;
        let ran_after_trim = detector.memory();
        let closed = detector.close()?;
        states.extend([
            State::new("load", loaded),
            State::new("run", ran),
            State::new("second run", ran_twice),
            State::new("run again", ran_again),
            State::freed("trim", &trimmed),
            State::new("runs after trim", ran_after_trim),
            State::freed("drop", &closed),
        ]);

        let lives = (0..cycles).map(|_| self.live()).collect::<Result<Vec<_>>>()?;
        let last = lives[lives.len() - 1];
        states.push(State::freed("last cycle's drop", &last));
        let shut_down = device.shutdown()?;
        states.push(State::freed("shutdown", &shut_down));

        let verdicts = vec![
            same("a further run takes nothing", &ran_twice, &ran_again),
            gave_back("trim gives the workspace back", &trimmed),
            same_use("runs after trim use as much as before", &ran_again, &ran_after_trim),
            Verdict::new(
                "trim changes no result",
                [second, again, after_trim].iter().all(|other| *other == found),
                format!("{} detections, four times", found.len()),
            ),
            gave_back("drop gives every byte back", &closed),
            flat("cycles of load, run and drop are flat", &lives),
        ];
        Ok(Report { device: device.to_string(), cycles, states, verdicts })
    }

    /// Loads, runs and drops a detector.
    fn live(&self) -> Result<FreeReport> {
        let mut detector = self.load()?;
        detector.detect(&self.picture)?;
        detector.detect(&self.picture)?;
        Ok(detector.close()?)
    }
}

impl State {
    fn new(after: &'static str, memory: MemoryReport) -> Self {
        Self { after, memory, freeing_ms: None }
    }

    fn freed(after: &'static str, report: &FreeReport) -> Self {
        Self { freeing_ms: Some(milliseconds(report.took)), ..Self::new(after, report.after) }
    }
}

impl Report {
    fn table(&self) -> String {
        let mut table = format!(
            "device {}; MB of 1,000,000 bytes, in use/reserved\n\n{:<18}{:>16}{:>16}{:>16}{:>10}{:>10}{:>12}\n",
            self.device, "after", "weights", "workspace", "staging", "resident", "driver", "freeing ms"
        );
        for State { after, memory, freeing_ms } in &self.states {
            let bytes = [memory.weights, memory.workspace, memory.staging]
                .map(|bytes| format!("{}/{}", megabytes(bytes.in_use), megabytes(bytes.reserved)));
            let seen = [memory.resident, memory.driver].map(|seen| seen.map_or("-".into(), megabytes));
            let took = freeing_ms.map_or(String::new(), |ms| format!("{ms:.2}"));
            writeln!(
                table,
                "{after:<18}{:>16}{:>16}{:>16}{:>10}{:>10}{took:>12}",
                bytes[0], bytes[1], bytes[2], seen[0], seen[1]
            )
            .expect("a string takes everything");
        }
        table += "\n";
        for Verdict { promise, kept, why } in &self.verdicts {
            let word = if *kept { "kept" } else { "BROKEN" };
            writeln!(table, "{word:<7} {promise}: {why}").expect("a string takes everything");
        }
        table
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.3}", bytes as f64 / 1e6)
}
