//! `doctor`: what this machine offers the program, what to do about anything that is missing, and what would be faster.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use yolov10_media::ffmpeg;
use yolov10_model::options::{Isa, physical_cores};
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detector, Device, Options, Weights};

use crate::control_group::Limits;
use crate::outcome::Outcome;
use crate::{demo, engine_args, message, release, setup, version};

/// Check this machine: processor, threads, memory, devices, ffmpeg, cache; and say what to do about anything that is missing, and what would make the program faster.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// The built-in weights find at least this many objects in the built-in picture, on every device.
const EXPECTED_OBJECTS: usize = 5;

pub fn doctor(_: &Args) -> Result<Outcome> {
    let limits = Limits::here();
    let cpu = try_device(Device::Cpu);
    let outcome = if cpu.is_ok() { Outcome::Done } else { Outcome::Failed };
    let checks = [
        ("program", version::build()),
        ("target", target()),
        ("processor", processor()),
        ("threads", threads(&limits)),
        ("memory", memory(&limits)),
        ("temporary", temporary_files()),
        ("device cpu", said(cpu)),
        ("device cuda", device(Device::Cuda(0), cfg!(feature = "cuda"))),
        ("device wgpu", device(Device::Wgpu, cfg!(feature = "wgpu"))),
        ("ffmpeg", installed_ffmpeg()),
        ("weights", cache()),
    ];
    let faster = what_would_be_faster(&limits).into_iter().map(|advice| ("faster", advice));
    for (name, state) in checks.into_iter().chain(faster) {
        message::result(format_args!("{name:<12} {state}"))?;
    }
    Ok(outcome)
}

/// What it was built for, and the C library that it runs with.
fn target() -> String {
    let libc = if cfg!(target_env = "gnu") && cfg!(target_os = "linux") {
        let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
        let version = version.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
        version.filter(|version| !version.is_empty()).unwrap_or_else(|| "glibc".to_owned())
    } else if cfg!(target_env = "musl") {
        let linked = if cfg!(target_feature = "crt-static") { "static" } else { "dynamic" };
        format!("musl, {linked}")
    } else {
        "the system's own C library".to_owned()
    };
    format!("{}; {libc}", env!("YOLO10_BURN_TARGET"))
}

fn processor() -> String {
    let bf16 = if engine_args::has_bf16() { " or bf16" } else { "" };
    format!("instruction sets {}; the engine uses {}, in f32{bf16}", version::instruction_sets(), Isa::detect())
}

fn threads(limits: &Limits) -> String {
    let quota = limits.processors.map(|quota| format!("; the control group allows {quota} processors"));
    format!("{}, one for each core that this process may use{}", physical_cores(), quota.unwrap_or_default())
}

fn memory(limits: &Limits) -> String {
    let of_machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(ByteSize::kib(line.trim().strip_suffix(" kB")?.parse().ok()?))
    });
    let of_machine = of_machine.map_or_else(|| "the system does not say".to_owned(), |bytes| bytes.to_string());
    match limits.memory {
        Some(bytes) => format!("{of_machine}; the control group allows {bytes}"),
        None => of_machine,
    }
}

fn temporary_files() -> String {
    let folder = env::temp_dir();
    let variable = if cfg!(windows) { "TMP" } else { "TMPDIR" };
    match tempfile::tempfile() {
        Ok(_) => folder.display().to_string(),
        Err(error) => format!(
            "{}: {error}; videos on stdin and at addresses, and those that are written, need it: set {variable}",
            folder.display()
        ),
    }
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

/// What the user could do about the time that a picture takes on this machine.
fn what_would_be_faster(limits: &Limits) -> Vec<String> {
    let huge_pages = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let has_nvidia = Path::new("/proc/driver/nvidia").exists() && !cfg!(feature = "cuda");
    let threads = physical_cores();
    let advice = [
        (Isa::detect() == Isa::Portable)
            .then(|| "no vector instructions that the engine knows: a processor with AVX2 and FMA, or NEON".to_owned()),
        engine_args::has_bf16()
            .then(|| "--dtype bf16: little more than half the time, and a little less exact".to_owned()),
        limits.deciding_quota().map(|quota| {
            format!(
                "whole processors, more than the {quota} that the control group allows: {threads} of them can be used"
            )
        }),
        huge_pages
            .contains("[never]")
            .then(|| "huge pages: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled".to_owned()),
        has_nvidia.then(|| "the NVIDIA GPU: cargo build --release --features cuda, in a clone".to_owned()),
    ];
    let advice: Vec<String> = advice.into_iter().flatten().collect();
    if advice.is_empty() { vec!["nothing that this program knows of".to_owned()] } else { advice }
}
