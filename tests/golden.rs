//! Compares the network with PyTorch's: every layer, the raw maps of both heads and the best detections, on burn-flex
//! and on the native engine, for all six variants; `golden_gpu.rs` does so on a GPU.
//!
//! The networks are those of `tests/golden/goldens.py`. They are deep, untrained and normalised by the statistics of
//! one small input, so they amplify rounding: PyTorch's own f32 is off by up to 0.05 standard deviations at the end of
//! x. The expected numbers are therefore PyTorch's in f64 (`tests/golden/exact.py`), and an engine must be within 1e-4
//! standard deviations of them, or as close as PyTorch's f32 if that is further off.

mod support;

use burn::tensor::{Device, Tensor, TensorData};
use support::formula;
use support::golden::Golden;
use support::reference::{Closeness, assert_one_to_one, check_tensors};
use yolov10_model::inside::{NativeEngine, Network};
use yolov10_model::options::CpuOptions;
use yolov10_model::selection::Assignment;
use yolov10_model::{Precision, Size};

/// Sums in another order are another sample of the same rounding errors, and the largest error varies between samples.
const DIRECT: f64 = 2.0;
/// The F(4x4, 3x3) transforms add and subtract again, which rounds more than a direct sum.
const WINOGRAD: f64 = 4.0;

/// Layers, both heads and decoding on burn-flex.
fn check_flex(variant: char) {
    let golden = Golden::load(variant);
    let device = Device::flex();
    let network = Network::new(&golden.weights, &device).expect("the goldens are a YOLOv10");
    let shape = golden.recipe.input;
    let [_, _, height, width] = shape;
    let image = TensorData::new(formula::input(height, width), shape);
    let image = Tensor::<4>::from_data(image, &device);
    check_tensors(&network, image, &golden, Closeness::Elements(DIRECT));
}

/// Raw maps and decoding on the native engine, with and without Winograd.
fn check_native(variant: char) {
    let golden = Golden::load(variant);
    let [_, _, height, width] = golden.recipe.input;
    let image = formula::input(height, width);
    for (exact, rounding) in [(true, DIRECT), (false, WINOGRAD)] {
        let options = CpuOptions { exact, ..CpuOptions::default() };
        let mut engine = NativeEngine::new(&golden.weights, Assignment::OneToOne, &options, Precision::F32)
            .expect("the goldens are a YOLOv10");
        engine
            .look(
                Size { height, width },
                |mut rows| {
                    for channel in 0..rows.channels() {
                        for row in rows.range() {
                            let values = &image[(channel * height + row) * width..][..width];
                            rows.row_mut(channel, row).copy_from_slice(values);
                        }
                    }
                },
                |maps| assert_one_to_one(maps, &golden, Closeness::Elements(rounding)),
            )
            .expect("the size is a multiple of 32");
    }
}

#[test]
fn tensors_give_the_reference_of_n() {
    check_flex('n');
}

#[test]
fn tensors_give_the_reference_of_s() {
    check_flex('s');
}

#[test]
fn tensors_give_the_reference_of_m() {
    check_flex('m');
}

#[test]
fn tensors_give_the_reference_of_b() {
    check_flex('b');
}

#[test]
fn tensors_give_the_reference_of_l() {
    check_flex('l');
}

#[test]
fn tensors_give_the_reference_of_x() {
    check_flex('x');
}

#[test]
fn the_native_engine_gives_the_reference_of_n() {
    check_native('n');
}

#[test]
fn the_native_engine_gives_the_reference_of_s() {
    check_native('s');
}

#[test]
fn the_native_engine_gives_the_reference_of_m() {
    check_native('m');
}

#[test]
fn the_native_engine_gives_the_reference_of_b() {
    check_native('b');
}

#[test]
fn the_native_engine_gives_the_reference_of_l() {
    check_native('l');
}

#[test]
fn the_native_engine_gives_the_reference_of_x() {
    check_native('x');
}
