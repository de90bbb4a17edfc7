//! `doctor`: what this machine offers the program, and what to do about anything that is missing.

use std::fs;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use yolov10_media::ffmpeg;
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detector, Device, Options, Weights};

use crate::outcome::Outcome;
use crate::{demo, message, release, setup, version};

/// Check this machine: instruction sets, devices, ffmpeg, cache; and say what to do about anything that is missing.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// The built-in weights find at least this many objects in the built-in picture, on every device.
const EXPECTED_OBJECTS: usize = 5;

pub fn doctor(_: &Args) -> Result<Outcome> {
    let cpu = try_device(Device::Cpu);
    let outcome = if cpu.is_ok() { Outcome::Done } else { Outcome::Failed };
    let threads = thread::available_parallelism().map_or("unknown".to_owned(), |n| n.to_string());
    let checks = [
        ("program", version::build()),
        ("processor", format!("instruction sets {}; {threads} threads for this process", version::instruction_sets())),
        ("device cpu", said(cpu)),
        ("device cuda", device(Device::Cuda(0), cfg!(feature = "cuda"))),
        ("device wgpu", device(Device::Wgpu, cfg!(feature = "wgpu"))),
        ("ffmpeg", installed_ffmpeg()),
        ("weights", cache()),
    ];
    for (name, state) in checks {
        message::result(format_args!("{name:<12} {state}"))?;
    }
    Ok(outcome)
}

fn device(device: Device, is_built_in: bool) -> String {
    if is_built_in {
        said(try_device(device))
    } else {
        let feature = device.to_string();
        let feature = feature.split(':').next().unwrap_or_default();
        format!("not in this build; cargo build --release --features {feature} adds it")
    }
}

/// Searches the built-in picture.
fn try_device(device: Device) -> Result<String> {
    let started = Instant::now();
    let usual_folder = None;
    setup::keep_kernels(device, usual_folder)?;
    let weights = Weights::from_static(demo::WEIGHTS)?.into();
    let mut detector = Detector::new(&weights, &Options { device, ..Options::default() })?;
    let found = detector.detect(&decode_picture(demo::PICTURE)?)?.len();
    ensure!(found >= EXPECTED_OBJECTS, "built-in picture: expected {EXPECTED_OBJECTS} objects or more, found {found}");
    Ok(format!(
        "works; found {found} objects in the built-in picture, {} ms including loading",
        started.elapsed().as_millis()
    ))
}

fn said(result: Result<String>) -> String {
    result.unwrap_or_else(|error| format!("{error:#}"))
}

fn installed_ffmpeg() -> String {
    let output = ffmpeg::command("ffmpeg").arg("-version").output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.as_deref().and_then(|text| text.lines().next()) {
        Some(line) => line.to_owned(),
        None => format!("not found; videos and cameras need it: {}", ffmpeg::ADVICE),
    }
}

fn cache() -> String {
    let Some(folder) = release::cache_folder() else {
        return "no cache folder, because there is no home folder: set YOLO10_BURN_CACHE".to_owned();
    };
    let names = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let held =
        if names.is_empty() { "nothing yet; --weights n downloads yolov10n.pt".to_owned() } else { names.join(", ") };
    format!("cache {}: {held}", folder.display())
}
