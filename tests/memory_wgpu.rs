//! The memory contract on cubecl's memory manager, which CUDA shares: here behind wgpu, which runs without a GPU too,
//! on Mesa's software Vulkan, or behind what `GPU_DEVICE` names. Tiny inputs: every kernel is compiled on the processor.
#![cfg(any(feature = "cuda", feature = "wgpu"))]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

#[path = "support/gpu.rs"]
mod gpu;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use image::RgbImage;
use yolov10_model::letterbox::Fit;
use yolov10_model::memory::{Bytes, MemoryReport};
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detection, Detector, Error, Options, Size, Weights};

const WEIGHTS: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
const STREET: &[u8] = include_bytes!("../assets/street.jpg");
/// Load, run and drop so often: beyond the 128 streams that a device has at most.
const CYCLES: usize = 140;
/// Of them one in so many records a graph, which takes longer.
const RECORDED: usize = 10;

fn weights() -> Arc<Weights> {
    Arc::new(Weights::from_static(WEIGHTS).unwrap())
}

fn load(side: usize) -> Detector {
    let options =
        Options { device: gpu::device(), input: Some(Size::square(side)), fit: Fit::Full, ..Options::default() };
    Detector::new(&weights(), &options).unwrap()
}

fn street() -> RgbImage {
    decode_picture(STREET).unwrap()
}

fn run(detector: &mut Detector) -> Vec<Detection> {
    detector.detect(&street()).unwrap()
}

/// What the detector's stream has on the device; staging is the host's.
fn pools(report: MemoryReport) -> [Bytes; 2] {
    [report.weights, report.workspace]
}

const NOTHING: [Bytes; 2] = [Bytes { in_use: 0, reserved: 0 }; 2];

#[test]
fn every_state_holds_what_the_contract_says() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut detector = load(64);
    let loaded = detector.memory();
    assert!(loaded.weights.in_use > 8 << 20, "{loaded}");
    assert_eq!(loaded.workspace.reserved, 0, "{loaded}");

    let expected = run(&mut detector);
    let ran = detector.memory();
    assert_eq!(ran.weights, loaded.weights, "{ran}");
    assert!(ran.workspace.reserved > 0, "{ran}");
    // The input of 64x64 and the picture's bytes with the taps of its letterbox wait for the next picture.
    let kept = (64 * 64 * 3 * size_of::<f32>() + street().len()) as u64;
    const TAPS: u64 = 2048;
    assert!((kept..kept + TAPS).contains(&ran.workspace.in_use), "results and activations are gone: {ran}");

    // The second run of an input size records its graph, which keeps its output where it is.
    assert_eq!(run(&mut detector), expected);
    let captured = detector.memory();
    assert!(!detector.graphs_refused());
    assert_eq!(captured.weights, loaded.weights, "{captured}");
    assert!(captured.workspace.in_use > ran.workspace.in_use, "{captured}");
    for _ in 0..3 {
        assert_eq!(run(&mut detector), expected);
        assert_eq!(pools(detector.memory()), pools(captured), "a further run takes nothing");
    }

    let freed = detector.trim().unwrap();
    assert_eq!(pools(freed.after), pools(loaded));
    assert_eq!(run(&mut detector), expected);

    let freed = detector.close().unwrap();
    assert_eq!(pools(freed.after), NOTHING);
    assert!(freed.released >= captured.weights.reserved);
}

#[test]
fn detectors_that_share_weights_have_one_copy_and_one_stream_and_the_last_gives_all_back() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut first = load(64);
    let expected = run(&mut first);
    assert_eq!(run(&mut first), expected);
    let weights = first.memory().weights;
    let mut second = first.share().unwrap();
    assert_eq!([first.sharers(), second.sharers()], [2, 2]);
    // The first run of the second launches its kernels, the next ones are captured and replayed.
    for _ in 0..3 {
        assert_eq!(run(&mut second), expected);
        assert_eq!(run(&mut first), expected);
    }
    assert!(!second.graphs_refused());
    let both = pools(second.memory());
    assert_eq!((both[0], pools(first.memory())), (weights, both));
    assert_eq!(pools(gpu::device().memory().unwrap()), both, "what they report is all that there is");

    // A trim gives back what the other does not use, and so does the end of the one that was loaded.
    let trimmed = first.trim().unwrap();
    assert!(trimmed.after.workspace.in_use > 0 && trimmed.after.workspace.in_use < both[1].in_use, "{trimmed:?}");
    let freed = first.close().unwrap();
    assert_eq!((freed.after.weights, freed.residue), (weights, 0));
    assert_eq!(run(&mut second), expected);
    assert_eq!(second.trim().unwrap().after.workspace, Bytes::default());
    assert_eq!(run(&mut second), expected);
    let freed = second.close().unwrap();
    assert_eq!(pools(freed.after), NOTHING);
    assert_eq!(pools(gpu::device().memory().unwrap()), NOTHING);
}

#[test]
fn dropping_on_another_thread_gives_everything_back() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut detector = load(64);
    run(&mut detector);
    run(&mut detector);
    let freed = thread::spawn(move || detector.close().unwrap()).join().unwrap();
    assert_eq!(pools(freed.after), NOTHING);
}

#[test]
fn a_detector_may_move_between_threads_and_finds_the_same() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut detector = thread::spawn(|| load(64)).join().unwrap();
    let here = run(&mut detector);
    let there = thread::spawn(move || run(&mut detector)).join().unwrap();
    assert_eq!(here, there);
}

#[test]
fn dropping_one_detector_leaves_exactly_the_bytes_and_bits_of_the_other() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut stays = load(64);
    let expected = run(&mut stays);
    assert_eq!(run(&mut stays), expected);
    let held = pools(stays.memory());
    let goes = thread::spawn(|| {
        let mut goes = load(64);
        run(&mut goes);
        goes.close().unwrap()
    });
    while !goes.is_finished() {
        assert_eq!(run(&mut stays), expected);
    }
    assert_eq!(pools(goes.join().unwrap().after), NOTHING);
    assert_eq!(run(&mut stays), expected);
    assert_eq!(pools(stays.memory()), held);
}

#[test]
fn swapping_models_returns_to_the_same_reserved_bytes() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let held = |side| {
        let mut detector = load(side);
        run(&mut detector);
        pools(detector.close().unwrap().before)
    };
    let expected = held(64);
    for _ in 0..2 {
        assert_ne!(held(96), expected);
        assert_eq!(held(64), expected);
    }
}

#[test]
fn many_cycles_leave_the_device_as_it_was() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let cycle = |number: usize| {
        let mut detector = load(64);
        run(&mut detector);
        if number.is_multiple_of(RECORDED) {
            run(&mut detector);
        }
        drop(detector);
        gpu::device().memory().unwrap()
    };
    let first = cycle(0);
    for number in 1..CYCLES {
        let now = cycle(number);
        assert_eq!(now.total(), first.total());
    }
}

#[test]
fn a_detector_dropped_while_a_panic_unwinds_leaves_nothing() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let unwound = catch_unwind(|| {
        let mut detector = load(64);
        run(&mut detector);
        panic!("the caller's own");
    });
    assert!(unwound.is_err());
    assert_eq!(pools(gpu::device().memory().unwrap()), NOTHING);
}

#[test]
fn a_panic_of_the_caller_while_it_borrows_the_detector_leaves_it_usable() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut detector = load(64);
    let expected = run(&mut detector);
    let ten = Size::square(10);
    let borrowed = catch_unwind(AssertUnwindSafe(|| {
        // Not the picture that the letterbox is for.
        let letterbox = detector.letterbox(ten).unwrap();
        detector.detect_in_input(&street(), &letterbox).unwrap()
    }));
    assert!(borrowed.is_err());
    assert_eq!(run(&mut detector), expected);
    assert_eq!(pools(detector.close().unwrap().after), NOTHING);
}

#[test]
fn a_load_that_fails_leaves_nothing() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let name = b"neck.";
    let mut broken = WEIGHTS.to_vec();
    let at = broken.windows(name.len()).rposition(|window| window == name).unwrap();
    broken[at] = b'N';
    let broken = Arc::new(Weights::from_bytes(&broken).unwrap());
    let options = Options { device: gpu::device(), ..Options::default() };
    let error = Detector::new(&broken, &options).err().unwrap();
    assert!(matches!(error, Error::MissingTensor { .. }));
    assert_eq!(pools(gpu::device().memory().unwrap()), NOTHING);
}

#[test]
fn shutdown_is_refused_while_a_detector_lives_and_the_next_detector_works_after_it() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let mut detector = load(64);
    let expected = run(&mut detector);
    let refused = gpu::device().shutdown().unwrap_err();
    assert!(matches!(refused, Error::DeviceInUse { in_use, .. } if in_use > 8 << 20));
    assert_eq!(run(&mut detector), expected);
    drop(detector);
    gpu::device().shutdown().unwrap();
    assert_eq!(run(&mut load(64)), expected);
}
