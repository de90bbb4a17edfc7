//! The GPU engine finds what the CPU engine finds, captured or not, whatever batch a picture is in. Runs on wgpu, which
//! also works without a GPU, on Mesa's software Vulkan; `GPU_DEVICE` names another device. Inputs are small, as kernels
//! are compiled on the processor.
#![cfg(any(feature = "cuda", feature = "wgpu"))]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

#[path = "support/gpu.rs"]
mod gpu;

use std::sync::Arc;

use image::RgbImage;
use image::imageops::{FilterType, resize};
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detection, Detector, Device, Options, Precision, Selection, Size, Weights};

const WEIGHTS: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
const STREET: &[u8] = include_bytes!("../assets/street.jpg");
/// f32 sums in another order, through some hundred layers.
const SCORE_TOLERANCE: f32 = 1e-3;
/// The same, in pixels of the picture.
const BOX_TOLERANCE: f32 = 0.1;
/// 11 bits of mantissa, rounded after each of some hundred layers, in a score of order 1.
const HALF_TOLERANCE: f32 = 0.03;
/// The same, as the overlap of a box with where it should be.
const HALF_IOU: f32 = 0.95;
/// Low, because scores are low at these sizes.
const CONFIDENCE: f32 = 0.02;

fn detector(device: Device, side: usize, precision: Option<Precision>) -> Detector {
    // TF32, the default on CUDA, rounds factors; the close comparison is for f32.
    let precision = precision.or(matches!(device, Device::Cuda(_)).then_some(Precision::F32));
    let options = Options {
        device,
        precision,
        input: Some(Size::square(side)),
        selection: Selection { confidence: CONFIDENCE, ..Selection::default() },
        ..Options::default()
    };
    Detector::new(&Arc::new(Weights::from_static(WEIGHTS).unwrap()), &options).unwrap()
}

/// The street, and the street in another shape and upside down, so that several pictures have the same input size.
fn pictures() -> Vec<RgbImage> {
    let street = decode_picture(STREET).unwrap();
    let square = resize(&street, 300, 300, FilterType::Triangle);
    let turned = image::imageops::rotate180(&street);
    vec![street, square, turned]
}

/// Both find the same, except for scores so close to the threshold that rounding decides.
fn assert_close(found: &[Detection], expected: &[Detection]) {
    let near = |a: &Detection, b: &Detection| {
        let edges = |detection: &Detection| {
            let rect = detection.rect;
            [rect.x1, rect.y1, rect.x2, rect.y2]
        };
        let pairs = edges(a).into_iter().zip(edges(b));
        a.class == b.class
            && (a.score - b.score).abs() < SCORE_TOLERANCE
            && pairs.into_iter().all(|(a, b)| (a - b).abs() < BOX_TOLERANCE)
    };
    for (these, those) in [(found, expected), (expected, found)] {
        for one in these.iter().filter(|one| one.score > CONFIDENCE + SCORE_TOLERANCE) {
            assert!(those.iter().any(|other| near(one, other)), "{one:?} of {these:#?} is not in {those:#?}");
        }
    }
}

#[test]
fn eager_and_captured_runs_find_what_the_cpu_finds() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let street = &pictures()[0];
    let expected = detector(Device::Cpu, 320, None).detect(street).unwrap();
    assert!(expected.len() > 3, "there is something to find: {expected:?}");
    let mut detector = detector(gpu::device(), 320, None);
    let eager = detector.detect(street).unwrap();
    assert_close(&eager, &expected);
    for _ in 0..3 {
        assert_eq!(detector.detect(street).unwrap(), eager, "a replay is the same kernels");
    }
    assert!(!detector.graphs_refused());
}

#[test]
fn results_do_not_depend_on_the_batch() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let pictures = pictures();
    let mut cpu = detector(Device::Cpu, 192, None);
    let mut gpu = detector(gpu::device(), 192, None);
    // Twice: the first run of a batch is eager, the second captured.
    for _ in 0..2 {
        let found = gpu.detect_batch(&pictures).unwrap();
        for (picture, found) in pictures.iter().zip(&found) {
            assert_close(found, &cpu.detect(picture).unwrap());
        }
    }
}

#[test]
fn detectors_on_two_threads_find_what_each_finds_alone() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let street = &pictures()[0];
    let detectors = [320, 256].map(|side| {
        let mut detector = detector(gpu::device(), side, None);
        let alone = detector.detect(street).unwrap();
        (detector, alone)
    });
    assert!(detectors.iter().all(|(_, alone)| !alone.is_empty()), "there is something to find");
    // Each records its graph while the other runs, and then both are replayed.
    std::thread::scope(|scope| {
        for (mut detector, alone) in detectors {
            scope.spawn(move || {
                for _ in 0..4 {
                    assert_eq!(detector.detect(street).unwrap(), alone);
                }
            });
        }
    });
}

#[test]
fn f32_without_tensor_cores_finds_the_same() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let street = &pictures()[0];
    let expected = detector(Device::Cpu, 192, None).detect(street).unwrap();
    let mut exact = detector(gpu::device(), 192, Some(Precision::F32));
    assert_close(&exact.detect(street).unwrap(), &expected);
}

#[test]
fn f16_finds_what_f32_is_sure_of_or_is_refused_by_name() {
    let Some(_alone) = gpu::alone(gpu::device()) else {
        return;
    };
    let street = &pictures()[0];
    let options = Options {
        device: gpu::device(),
        precision: Some(Precision::F16),
        input: Some(Size::square(320)),
        ..Options::default()
    };
    let weights = Arc::new(Weights::from_static(WEIGHTS).unwrap());
    let mut detector = match Detector::new(&weights, &options) {
        Ok(detector) => detector,
        Err(error) => {
            assert_eq!(error.to_string(), format!("device {}: no f16 here, expected f32 or tf32", gpu::device()));
            return;
        }
    };
    let expected = self::detector(Device::Cpu, 320, None).detect(street).unwrap();
    let found = detector.detect(street).unwrap();
    for expected in expected.iter().filter(|one| one.score > 0.5) {
        let near = |found: &Detection| {
            found.class == expected.class
                && found.rect.iou(&expected.rect) > HALF_IOU
                && (found.score - expected.score).abs() < HALF_TOLERANCE
        };
        assert!(found.iter().any(near), "{expected:?} is not in {found:?}");
    }
}
