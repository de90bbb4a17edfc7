//! Our kernels on wgpu, or on what `GPU_DEVICE` names, against the host's own code. Without a driver they say so and test
//! nothing; CI has one.

use std::io::Write;

use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, Distribution, Int};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::slice;
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use image::RgbImage;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::anchors::{BOX_LOGITS, keep_best};
use crate::device::Choice;
use crate::letterbox::Fit;
use crate::network::Activation;
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
    let (sizes, classes) = ([[3, 5], [2, 3], [1, 2]], 2);
    let columns = BOX_LOGITS + classes;
    let anchors: usize = sizes.iter().map(|[height, width]| height * width).sum();
    // By sample and anchor; the best of a sample have their largest logit in another class each.
    let mut logits: Vec<f32> = (0..2 * anchors * columns).map(|index| index as f32 / 1e5).collect();
    let best = [[(16, 1), (2, 0), (21, 1)], [(22, 0), (14, 1), (17, 0)]];
    for (sample, best) in best.iter().enumerate() {
        for (place, (anchor, class)) in best.iter().enumerate() {
            logits[(sample * anchors + anchor) * columns + BOX_LOGITS + class] = 9.0 - place as f32;
        }
    }
    let map = |before: usize, [height, width]: [usize; 2], channels: std::ops::Range<usize>| {
        let values = (0..2).flat_map(|sample| (0..height * width).map(move |cell| sample * anchors + before + cell));
        let values: Vec<f32> =
            values.flat_map(|row| logits[row * columns..][channels.clone()].iter().copied()).collect();
        Tensor::<4>::from_data(TensorData::new(values, [2, height, width, channels.len()]), &device)
            .permute([0, 3, 1, 2])
    };
    let scale = |index: usize, channels| {
        let before = sizes[..index].iter().map(|[height, width]| height * width).sum();
        map(before, sizes[index], channels)
    };
    let boxes = [0, 1, 2].map(|index| scale(index, 0..BOX_LOGITS));
    let classes = [0, 1, 2].map(|index| scale(index, BOX_LOGITS..columns));
    let table = floats(best_anchors(boxes, classes, 3));
    let row = |sample: usize, anchor: usize| {
        let logits = &logits[(sample * anchors + anchor) * columns..][..columns];
        [&[anchor as f32], logits].concat()
    };
    let expected =
        best.iter().enumerate().flat_map(|(sample, best)| best.map(|(anchor, _)| row(sample, anchor)).concat());
    assert_eq!(table, expected.collect::<Vec<_>>());
}

/// A convolution's sums by plain loops: `map` `[2, inputs, height, width]`, `weight` `[outputs, inputs / groups, k, k]`.
fn plain_sums(map: &[f32], weight: &[f32], case: Case) -> Vec<f32> {
    let Case { inputs, outputs, kernel, stride, groups } = case;
    let [height, width] = MAP;
    let at = |sample: usize, channel: usize, y: i64, x: i64| {
        let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x);
        let index = ((sample * inputs + channel) * height) as i64 + y;
        if inside { map[(index * width as i64 + x) as usize] } else { 0.0 }
    };
    let per_group = inputs / groups;
    let mut sums = Vec::new();
    for (sample, output) in (0..2).flat_map(|sample| (0..outputs).map(move |output| (sample, output))) {
        let first = output * groups / outputs * per_group;
        for (y, x) in (0..height.div_ceil(stride)).flat_map(|y| (0..width.div_ceil(stride)).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for channel in 0..per_group {
                for (ky, kx) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                    let source = |out: usize, tap: usize| (out * stride + tap) as i64 - (kernel / 2) as i64;
                    sum += at(sample, first + channel, source(y, ky), source(x, kx))
                        * weight[((output * per_group + channel) * kernel + ky) * kernel + kx];
                }
            }
            sums.push(sum);
        }
    }
    sums
}

/// Height and width of the maps that are convolved.
const MAP: [usize; 2] = [9, 6];

#[derive(Clone, Copy, Debug)]
struct Case {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
}

impl Case {
    const fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize, groups: usize) -> Self {
        Self { inputs, outputs, kernel, stride, groups }
    }

    /// Two maps and a filter.
    fn random(self, device: &Device) -> [Tensor<4>; 2] {
        let Self { inputs, outputs, kernel, groups, .. } = self;
        let [height, width] = MAP;
        [[2, inputs, height, width], [outputs, inputs / groups, kernel, kernel]]
            .map(|shape| Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device))
    }
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], case: Case) {
    assert_eq!(found.len(), expected.len(), "{case:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < SUM_TOLERANCE, "{case:?}: found {found}, expected {expected}");
    }
}

#[test]
fn exact_convolutions_equal_plain_loops() {
    let Some(device) = device() else { return };
    for case in [Case::new(3, 5, 3, 2, 1), Case::new(17, 4, 1, 1, 1)] {
        let [map, weight] = case.random(&device);
        let expected = plain_sums(&floats(map.clone()), &floats(weight.clone()), case);
        let found = operations::convolve(map, weight, case.stride, operations::Units::Plain);
        assert_near(&floats(found), &expected, case);
    }
}

#[test]
fn convolutions_over_few_channels_equal_plain_loops_with_bias_and_activation() {
    let Some(device) = device() else { return };
    let cases = [
        Case::new(3, 5, 3, 2, 1),
        Case::new(8, 8, 7, 1, 8),
        Case::new(5, 5, 3, 2, 5),
        Case::new(6, 4, 1, 1, 2),
        Case::new(2, 70, 3, 1, 2),
    ];
    for (case, activation) in
        cases.into_iter().flat_map(|case| [(case, Activation::Silu), (case, Activation::Identity)])
    {
        let [map, weight] = case.random(&device);
        let bias = Tensor::<1>::random([case.outputs], Distribution::Uniform(-1.0, 1.0), &device);
        let sums = plain_sums(&floats(map.clone()), &floats(weight.clone()), case);
        let per_map = sums.len() / 2 / case.outputs;
        let biased = sums.iter().enumerate().map(|(index, sum)| (index / per_map % case.outputs, sum));
        let biases = floats(bias.clone());
        let expected: Vec<f32> = biased
            .map(|(channel, sum)| sum + biases[channel])
            .map(|sum| if activation == Activation::Silu { sum / (1.0 + (-sum).exp()) } else { sum })
            .collect();
        let channels_last = map.clone().permute([0, 2, 3, 1]).into_data();
        for map in [map, Tensor::from_data(channels_last, &device).permute([0, 3, 1, 2])] {
            let (weight, bias) = (weight.clone(), bias.clone());
            let found = operations::convolve_few(map, weight, bias, case.stride, activation, DType::F32);
            assert_near(&floats(found), &expected, case);
        }
    }
}

#[test]
fn parts_of_maps_and_joined_maps_are_those_of_burn() {
    let Some(device) = device() else { return };
    let map = Tensor::<4>::random([2, 130, 3, 5], Distribution::Uniform(-1.0, 1.0), &device);
    let channels_last = map.clone().permute([0, 2, 3, 1]).into_data();
    for map in [map, Tensor::from_data(channels_last, &device).permute([0, 3, 1, 2])] {
        let part = |start, count| operations::take(map.clone(), start, count);
        // From the first, from where a device may start, and from elsewhere.
        for (start, count) in [(0, 3), (64, 64), (7, 20)] {
            assert_eq!(floats(part(start, count)), floats(map.clone().narrow(1, start, count)), "{count} from {start}");
        }
        let parts = [part(0, 7), part(7, 20), part(64, 64), part(27, 1), part(128, 2), part(28, 9)];
        for count in 1..=parts.len() {
            let expected = Tensor::cat(parts[..count].to_vec(), 1);
            assert_eq!(floats(operations::concat(parts[..count].to_vec())), floats(expected), "{count} maps");
        }
    }
}

#[test]
fn attention_equals_plain_loops() {
    let Some(device) = device() else { return };
    // More positions than a tile has, and one beyond a whole number of cubes; more channels than a cube has units.
    for (heads, keys, values, [height, width]) in [(2, 3, 5, [9, 9]), (1, 8, 70, [1, 1]), (1, 32, 64, [8, 16])] {
        let random = |channels: usize| {
            Tensor::<4>::random([2, heads * channels, height, width], Distribution::Uniform(-3.0, 3.0), &device)
        };
        let [query, key, value] = [random(keys), random(keys), random(values)];
        let [q, k, v] = [&query, &key, &value].map(|map| floats(map.clone()));
        let positions = height * width;
        let mut expected = vec![0.0; v.len()];
        for (group, at) in (0..2 * heads).flat_map(|group| (0..positions).map(move |at| (group, at))) {
            let scores: Vec<f64> = (0..positions)
                .map(|other| {
                    let row = |channel: usize| (group * keys + channel) * positions;
                    let product = |channel| f64::from(q[row(channel) + at]) * f64::from(k[row(channel) + other]);
                    (0..keys).map(product).sum::<f64>() / (keys as f64).sqrt()
                })
                .collect();
            let weights: f64 = scores.iter().map(|score| score.exp()).sum();
            for channel in 0..values {
                let row = (group * values + channel) * positions;
                let sum: f64 = scores.iter().zip(&v[row..]).map(|(score, v)| score.exp() * f64::from(*v)).sum();
                expected[row + at] = (sum / weights) as f32;
            }
        }
        let found = floats(operations::attend(query, key, value, heads));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < SUM_TOLERANCE, "{heads} heads: found {found}, expected {expected}");
        }
    }
}
