//! A detector in a worker process, and workers that are killed, hang, run out of memory or send nonsense.
//!
//! The worker is this program itself: it runs only the "test" [`worker`], which does nothing in the parent.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use image::RgbImage;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};
use yolov10_model::isolation::{is_worker, work};
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detector, Error, IsolatedDetector, Options, Selection, Size, Weights};

const WEIGHTS: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
const STREET: &[u8] = include_bytes!("../assets/street.jpg");

/// Enough for a good worker on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a worker that will hang; enough for its successor on a busy machine.
const IMPATIENCE: Duration = Duration::from_secs(10);
/// How long a call may take beyond its patience: long for a busy machine, but less than [`PATIENCE`].
const SLACK: Duration = Duration::from_secs(20);

/// How the worker should behave while the file at [`ONCE`] exists; it removes the file.
const BEHAVIOUR: &str = "TEST_WORKER_BEHAVIOUR";
const ONCE: &str = "TEST_WORKER_ONCE";

#[test]
fn worker() {
    if !is_worker() {
        return;
    }
    let is_first = env::var_os(ONCE).is_some_and(|path| fs::remove_file(path).is_ok());
    match env::var(BEHAVIOUR).as_deref() {
        Ok(behaviour) if is_first => misbehave(behaviour),
        _ => work(load).unwrap(),
    }
}

fn load() -> Result<Detector, Error> {
    let weights = Arc::new(Weights::from_static(WEIGHTS)?);
    let options = Options {
        input: Some(Size::square(320)),
        // Scores are low with such a small input.
        selection: Selection { confidence: 0.05, ..Selection::default() },
        ..Options::default()
    };
    Detector::new(&weights, &options)
}

fn misbehave(behaviour: &str) {
    match behaviour {
        "refuse" => work(|| Err("no such weights")).unwrap(),
        "end" => {}
        "hang while loading" => work(|| -> Result<Detector, Error> { hang() }).unwrap(),
        "hang" => {
            greet(&[LOADED]);
            hang()
        }
        "greet with garbage" => channel::<String>().send("garbage".into()).unwrap(),
        "answer with garbage" => {
            greet(&[LOADED, [0xFF; 6]]);
            hang()
        }
        "run out of memory" => work(|| {
            let much = vec![1_u8; 1 << 60];
            Err(format!("{} bytes are too few", much.len()))
        })
        .unwrap(),
        other => unreachable!("{other}"),
    }
}

fn hang() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// The channel that the parent waits on.
fn channel<T: serde::Serialize>() -> IpcSender<T> {
    IpcSender::connect(env::var("YOLO10_BURN_WORKER").unwrap()).unwrap()
}

type Word = [u8; 6];
/// The reply "loaded" for inputs of 320x320: the first kind of reply, two numbers of two bytes, the first kind of fit.
const LOADED: Word = [0, 0xC0, 2, 0xC0, 2, 0];

/// Greets as a worker does, and sends these words.
fn greet(words: &[Word]) {
    let (requests, inbox): (IpcSender<Word>, IpcReceiver<Word>) = ipc::channel().unwrap();
    let (outbox, replies): (IpcSender<Word>, IpcReceiver<Word>) = ipc::channel().unwrap();
    channel().send((requests, replies)).unwrap();
    for &word in words {
        outbox.send(word).unwrap();
    }
    // Keep both open, so that this worker does not look dead.
    std::mem::forget((inbox, outbox));
}

fn command() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["worker", "--exact", "--nocapture", "--test-threads=1"]);
    command.stdout(std::process::Stdio::null());
    command
}

/// A worker that misbehaves once, and works when it is started again.
struct BadOnce {
    once: std::path::PathBuf,
}

impl BadOnce {
    fn new(behaviour: &str) -> Self {
        let name = format!("yolo10-burn {} {behaviour}", std::process::id());
        let once = env::temp_dir().join(name);
        fs::write(&once, "").unwrap();
        Self { once }
    }

    fn command(&self, behaviour: &str) -> Command {
        let mut command = command();
        command.env(BEHAVIOUR, behaviour).env(ONCE, &self.once);
        command
    }
}

impl Drop for BadOnce {
    fn drop(&mut self) {
        // It exists only if no worker removed it.
        fs::remove_file(&self.once).ok();
    }
}

fn street() -> RgbImage {
    decode_picture(STREET).unwrap()
}

fn expect_the_same_bits(isolated: &mut IsolatedDetector) {
    let expected = load().unwrap().detect(&street()).unwrap();
    assert!(expected.len() > 4);
    assert_eq!(isolated.detect(&street()).unwrap(), expected);
}

/// The error of a worker that fails to start, and how long that took.
fn refusal(behaviour: &str, patience: Duration) -> (String, Duration) {
    let bad = BadOnce::new(behaviour);
    let started = Instant::now();
    let error = IsolatedDetector::new(bad.command(behaviour), patience).unwrap_err();
    (error.to_string(), started.elapsed())
}

#[test]
fn an_isolated_detector_finds_the_same_to_the_last_bit() {
    expect_the_same_bits(&mut IsolatedDetector::new(command(), PATIENCE).unwrap());
}

#[test]
fn closing_ends_the_process_and_everything_it_held() {
    let mut isolated = IsolatedDetector::new(command(), PATIENCE).unwrap();
    isolated.detect(&street()).unwrap();
    let process = isolated.process().unwrap();
    assert!(is_running(process));
    let freed = isolated.close().unwrap();
    assert!(freed.released > 8 << 20 && freed.residue == 0, "{freed:?}");
    assert!(!is_running(process));
}

#[test]
fn a_killed_worker_is_an_error_and_the_next_call_has_a_fresh_one() {
    let mut isolated = IsolatedDetector::new(command(), PATIENCE).unwrap();
    let process = isolated.process().unwrap();
    let killed = Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
    assert!(killed.success());
    let started = Instant::now();
    let error = isolated.detect(&street()).unwrap_err();
    assert!(matches!(error, Error::Worker { .. }), "{error}");
    assert!(started.elapsed() < SLACK);
    expect_the_same_bits(&mut isolated);
    assert_ne!(isolated.process(), Some(process));
}

#[test]
fn a_worker_that_hangs_on_a_picture_is_an_error_within_the_bound() {
    let bad = BadOnce::new("hang");
    let mut isolated = IsolatedDetector::new(bad.command("hang"), IMPATIENCE).unwrap();
    let process = isolated.process().unwrap();
    let started = Instant::now();
    let error = isolated.detect(&street()).unwrap_err();
    assert_eq!(error.to_string(), "worker process: no answer within 10s");
    assert!(started.elapsed() < IMPATIENCE + SLACK);
    assert!(!is_running(process));
    expect_the_same_bits(&mut isolated);
}

#[test]
fn a_worker_that_hangs_while_it_loads_is_an_error_within_the_bound() {
    let (error, took) = refusal("hang while loading", IMPATIENCE);
    assert_eq!(error, "worker process: no answer within 10s");
    assert!(took < 2 * IMPATIENCE + SLACK);
}

#[test]
fn a_worker_that_answers_with_garbage_is_an_error_and_the_next_call_works() {
    let bad = BadOnce::new("answer with garbage");
    let command = bad.command("answer with garbage");
    let mut isolated = IsolatedDetector::new(command, PATIENCE).unwrap();
    let error = isolated.detect(&street()).unwrap_err();
    assert!(matches!(error, Error::Worker { .. }), "{error}");
    expect_the_same_bits(&mut isolated);
}

#[test]
fn a_worker_that_greets_with_garbage_is_an_error() {
    let (error, took) = refusal("greet with garbage", PATIENCE);
    assert!(error.starts_with("worker process: "), "{error}");
    assert!(took < PATIENCE);
}

#[test]
fn a_worker_that_runs_out_of_memory_is_an_error() {
    let (error, took) = refusal("run out of memory", PATIENCE);
    assert!(error.starts_with("worker process: "), "{error}");
    assert!(took < PATIENCE);
}

#[test]
fn a_worker_that_ends_at_once_is_an_error_that_says_how() {
    let (error, took) = refusal("end", PATIENCE);
    assert_eq!(error, "worker process: it ended before it served: exit status: 0");
    assert!(took < PATIENCE);
}

#[test]
fn why_a_worker_can_not_load_is_passed_on() {
    let (error, _) = refusal("refuse", PATIENCE);
    assert_eq!(error, "worker process: no such weights");
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let error = IsolatedDetector::new(Command::new("/nowhere/worker"), PATIENCE).unwrap_err();
    assert!(error.to_string().starts_with("worker process: it did not start: "), "{error}");
}

fn is_running(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}
