//! Our kernels on wgpu, or on what `GPU_DEVICE` names, against the host's own code. Without a driver they say so and test
//! nothing; CI has one.

use std::io::Write;

use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, Distribution};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::slice;
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use image::RgbImage;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::anchors::keep_best;
use crate::device::Choice;
use crate::letterbox::Fit;
use crate::resample::scalar;

/// Sums of some hundred products in another order.
const SUM_TOLERANCE: f32 = 1e-4;

/// `None` without a driver, which is a failure where CI promised one.
fn device() -> Option<Device> {
    let device = std::env::var("GPU_DEVICE").map_or(crate::Device::Wgpu, |name| name.parse().expect("a device's name"));
    match device.open() {
        Ok(device) => {
            // Without it, what burn tunes would first measure the device in buffers of 1 GiB.
            ceilings::set(&device, Choice::Rule);
            Some(device)
        }
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error}"),
        Err(error) => {
            writeln!(std::io::stderr(), "SKIPPED, nothing was tested: {error}").expect("stderr is there");
            None
        }
    }
}

fn picture(size: Size, seed: u64) -> RgbImage {
    let level = |index: u64| (((index + seed) * 2_654_435_761 % (1 << 32)) >> 13) as u8;
    let levels = (0..(size.height * size.width * RGB) as u64).map(level);
    RgbImage::from_raw(size.width as u32, size.height as u32, levels.collect()).expect("the levels fill the picture")
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the tensor is of f32")
}

#[test]
fn the_devices_letterbox_equals_the_hosts_to_the_last_bit_of_a_level() {
    let Some(device) = device() else { return };
    let sides = [1, 2, 3, 31, 50, 64, 65, 97, 200_usize];
    for (case, (height, width)) in sides.iter().flat_map(|height| sides.map(|width| (*height, width))).enumerate() {
        let image = picture(Size { height, width }, case as u64);
        let largest = Size { height: 64, width: 96 };
        let letterbox = Letterbox::new(Size { height, width }, largest, Fit::Full).expect("the sizes are good");
        let mut expected = Vec::new();
        scalar::rows(&image, &letterbox, |_, row| {
            expected.extend_from_slice(row);
        });
        // The second of two samples; the first is left as it was.
        let input = Tensor::zeros([2, largest.height, largest.width, RGB], &device);
        let packed = picture::pack((&image).into(), &letterbox);
        let buffer = Tensor::<1, Int>::zeros([packed.len() + 1], (&device, DType::U32));
        let input = operations::letterbox(input, buffer, packed, 1);
        let found: Vec<u8> = floats(input).iter().map(|value| (value * 255.0).round() as u8).collect();
        let (untouched, found) = found.split_at(expected.len());
        assert!(untouched.iter().all(|level| *level == 0));
        assert!(found == expected, "{height}x{width}");
    }
}

/// A tensor of these values whose rows lie apart in memory, as CUDA's do: it rounds a row up to a power of two or a multiple
/// of 512 bytes.
fn pitched(values: &[f32], shape: &[usize], device: &Device) -> CubeTensor {
    /// Elements between two rows: a view has to end where the device lets one end, at a multiple of 256 bytes.
    const GAP: usize = 64;
    let DispatchDevice::Cube(device) = device.as_dispatch() else { panic!("wgpu is cubecl's") };
    let (row, rows) = (shape[shape.len() - 1], values.len() / shape[shape.len() - 1]);
    let apart: Vec<f32> =
        values.chunks(row).flat_map(|row| row.iter().copied().chain([f32::NAN].repeat(GAP))).collect();
    assert_eq!(apart.len(), rows * (row + GAP));
    let mut whole = shape.to_vec();
    whole[shape.len() - 1] += GAP;
    let whole = CubeBackend::float_from_data(TensorData::new(apart, whole), device);
    let tensor = slice(whole, &shape.iter().map(|size| 0..*size).collect::<Vec<_>>());
    assert_ne!(tensor.meta.strides()[shape.len() - 2], row, "the view keeps gaps");
    tensor
}

#[test]
fn the_letterbox_finds_pixels_of_an_input_whose_rows_lie_apart() {
    let Some(device) = device() else { return };
    let (image, largest) = (picture(Size { height: 50, width: 31 }, 1), Size { height: 64, width: 96 });
    let letterbox = Letterbox::new(Size { height: 50, width: 31 }, largest, Fit::Full).expect("the sizes are good");
    let packed = picture::pack((&image).into(), &letterbox);
    let buffer = || Tensor::<1, Int>::zeros([packed.len()], (&device, DType::U32));
    let shape = [2, largest.height, largest.width, RGB];
    let expected = floats(operations::letterbox(Tensor::zeros(shape, &device), buffer(), packed.clone(), 1));

    let input = pitched(&vec![0.0; shape.iter().product()], &shape, &device);
    let buffer = burn_cubecl::ops::numeric::zeros_client(
        input.client.clone(),
        input.device.clone(),
        [packed.len()].into(),
        DType::U32,
    );
    let found = <CubeBackend as operations::DetectorOperations>::letterbox(input, buffer, Arc::new(packed), 1);
    let found: Vec<f32> = into_data_sync(found).try_to_vec().expect("the input is of f32");
    assert!(found == expected);
}

#[test]
fn the_ranking_finds_scores_and_places_that_lie_apart() {
    let Some(device) = device() else { return };
    let scores = [3.0, 1.0, 2.0, 9.0, 5.0, 4.0, 6.0, 7.0, 8.0, 0.0];
    let best = pitched(&scores, &[2, 5], &device);
    // Places are numbers of 32 bits whatever they are called.
    let places = CubeTensor { dtype: DType::I32, ..pitched(&[0.0; 6], &[2, 3], &device) };
    operations::rank_into(best, places.clone());
    let found: Vec<i32> = into_data_sync(places).try_to_vec().expect("the ranking is of i32");
    assert_eq!(found, [3, 4, 0, 3, 2, 1]);
}

#[test]
fn the_device_ranks_as_the_host_does_equals_by_their_number() {
    let Some(device) = device() else { return };
    // Few different scores: most are equal to some other.
    let scores = prop::collection::vec(prop::collection::vec(0..20_u8, 1..200), 1..4);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(20));
    let result = runner.run(&(scores, 1..50_usize), |(scores, count)| {
        let anchors = scores.iter().map(Vec::len).min().unwrap_or_default();
        let count = count.min(anchors);
        let values: Vec<f32> =
            scores.iter().flat_map(|scores| scores[..anchors].iter().map(|score| f32::from(*score))).collect();
        let best = Tensor::from_data(TensorData::new(values.clone(), [scores.len(), anchors]), &device);
        let found: Vec<i32> = operations::rank(best, count).into_data().try_to_vec().expect("the ranking is of i32");
        let expected: Vec<i32> = values
            .chunks(anchors)
            .flat_map(|values| {
                let mut ranking: Vec<_> = values.iter().copied().zip(0..).collect();
                keep_best(&mut ranking, count);
                ranking.into_iter().map(|(_, number)| number)
            })
            .collect();
        prop_assert_eq!(found, expected);
        Ok(())
    });
    result.expect("the rankings agree");
}

#[test]
fn a_table_holds_the_best_anchors_with_their_numbers_and_logits() {
    let Some(device) = device() else { return };
    let (anchors, classes) = (6, 2);
    let columns = BOX_LOGITS + classes;
    let mut logits: Vec<f32> = (0..anchors * columns).map(|index| index as f32 / 1e4).collect();
    // Anchor 4 is the best by its second class, anchor 1 by its first.
    logits[4 * columns + BOX_LOGITS + 1] = 9.0;
    logits[columns + BOX_LOGITS] = 8.0;
    let tensor = Tensor::from_data(TensorData::new(logits.clone(), [1, anchors, columns]), &device);
    let table = floats(best_anchors(tensor, 2));
    let row = |anchor: usize| {
        let logits = &logits[anchor * columns..][..columns];
        [&[anchor as f32], logits].concat()
    };
    assert_eq!(table, [row(4), row(1)].concat());
}

#[test]
fn exact_convolutions_and_products_equal_plain_loops() {
    let Some(device) = device() else { return };
    for (inputs, outputs, kernel, stride, groups) in [(3, 5, 3, 2, 1), (8, 8, 7, 1, 8), (17, 4, 1, 1, 1)] {
        let (height, width) = (9, 6);
        let random = Distribution::Uniform(-1.0, 1.0);
        let map = Tensor::<4>::random([2, inputs, height, width], random, &device);
        let weight = Tensor::<4>::random([outputs, inputs / groups, kernel, kernel], random, &device);
        let (x, w) = (floats(map.clone()), floats(weight.clone()));
        let found = operations::convolve(map, weight, stride, groups, operations::Units::Plain);
        let [_, _, rows, columns] = found.dims();
        let found = floats(found);
        let at = |sample: usize, channel: usize, y: i64, x_: i64| {
            let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x_);
            let index = ((sample * inputs + channel) * height) as i64 + y;
            if inside { x[(index * width as i64 + x_) as usize] } else { 0.0 }
        };
        let per_group = inputs / groups;
        let mut index = 0;
        for sample in 0..2 {
            for output in 0..outputs {
                let first = output * groups / outputs * per_group;
                for (y, x_) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    let mut sum = 0.0;
                    for channel in 0..per_group {
                        for (ky, kx) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                            let source = |out: usize, tap: usize| (out * stride + tap) as i64 - (kernel / 2) as i64;
                            sum += at(sample, first + channel, source(y, ky), source(x_, kx))
                                * w[((output * per_group + channel) * kernel + ky) * kernel + kx];
                        }
                    }
                    assert!((found[index] - sum).abs() < SUM_TOLERANCE, "found {}, expected {sum}", found[index]);
                    index += 1;
                }
            }
        }
    }
}
