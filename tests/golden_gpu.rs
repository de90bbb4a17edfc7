//! The network on the GPU engine's own feature maps against PyTorch's, for all six variants: what `golden.rs` does for
//! the processor. On wgpu in f32, unless told otherwise:
//!
//! `GPU_DEVICE` names another device, `GOLDEN_DTYPE` other precisions, with commas between them. Built by
//! `cargo test --release --features cuda --test golden_gpu --no-run`, the test runs on a machine without Rust, given
//! `tests/golden` by `GOLDEN_FOLDER`; `benches/cuda/run.sh` does that.
//!
//! In f32 every element has to be as near as on the processor. Tensor cores round each factor to 11 bits, f16 and bf16
//! what they store to 11 and 8: 2^13 and 2^16 times as coarse as f32, which these networks amplify just as much. So
//! there PyTorch's own deviation in the same precision is the measure, and the root mean square over a tensor's samples is
//! what is compared: of largest errors, some are soon as large as the numbers.
#![cfg(any(feature = "cuda", feature = "wgpu"))]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

#[path = "support/gpu.rs"]
mod gpu;
mod support;

use burn::tensor::TensorData;
use support::formula;
use support::golden::Golden;
use support::reference::{Closeness, check_tensors};
use yolov10_model::inside::GpuEngine;
use yolov10_model::{Device, Precision, Selection};

/// As for direct sums on the processor.
const DIRECT: f64 = 2.0;

/// wgpu has no tensor cores for f32: TF32 is f32 there.
fn closeness(device: Device, precision: Precision) -> Closeness {
    match (device, precision) {
        (_, Precision::F32) | (Device::Wgpu, Precision::Tf32) => Closeness::Elements(DIRECT),
        _ => Closeness::RootMeanSquare(precision),
    }
}

fn check(variant: char) {
    let device = gpu::device();
    let Some(_alone) = gpu::alone(device) else {
        return;
    };
    let golden = Golden::load(variant);
    let [_, channels, height, width] = golden.recipe.input;
    let planes = formula::input(height, width);
    let pixels = (0..height * width).flat_map(|pixel| {
        let planes = planes.chunks(height * width);
        planes.map(move |plane| plane[pixel])
    });
    let image = TensorData::new(pixels.collect::<Vec<_>>(), [1, height, width, channels]);
    let precisions = std::env::var("GOLDEN_DTYPE").unwrap_or_else(|_| "f32".into());
    for precision in precisions.split(',') {
        let precision = precision.parse().unwrap();
        let engine = GpuEngine::new(&golden.weights, &Selection::default(), device, precision).unwrap();
        engine.look(image.clone(), |network, map| {
            check_tensors(network, map, &golden, closeness(device, precision));
        });
    }
}

#[test]
fn the_gpu_engine_gives_the_reference_of_n() {
    check('n');
}

#[test]
fn the_gpu_engine_gives_the_reference_of_s() {
    check('s');
}

#[test]
fn the_gpu_engine_gives_the_reference_of_m() {
    check('m');
}

#[test]
fn the_gpu_engine_gives_the_reference_of_b() {
    check('b');
}

#[test]
fn the_gpu_engine_gives_the_reference_of_l() {
    check('l');
}

#[test]
fn the_gpu_engine_gives_the_reference_of_x() {
    check('x');
}
