//! Every operation on every instruction set that this machine has, against naive loops in f64.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod reference;

use reference::{Reference, assert_agrees, weights};
use yolov10_cpu::{Activation, Conv, Engine, Error, InputRows, Isa, MapView, Options, Precision, Value};

/// Sums of a few hundred products of numbers around 1, in f32.
const DIRECT: f64 = 1e-5;
/// Winograd's transforms add and subtract numbers of different size: half a digit less.
const WINOGRAD: f64 = 3e-5;

/// As if each set were the machine's only one, with and without Winograd.
fn every_way() -> impl Iterator<Item = (Options, f64)> {
    Isa::available().flat_map(|isa| {
        [(true, DIRECT), (false, WINOGRAD)]
            .map(|(exact, tolerance)| (Options { isa: Some(isa), exact, ..Options::default() }, tolerance))
    })
}

fn dense(channels_in: usize, channels_out: usize, kernel: usize, stride: usize) -> Conv {
    Conv { key: 1, channels_in, channels_out, kernel, stride, groups: 1, activation: Activation::Silu }
}

fn assert_everywhere(size: [usize; 2], outputs: &[Reference]) {
    for (options, tolerance) in every_way() {
        assert_agrees(outputs, size, &options, tolerance);
    }
}

/// An image brought to blocks of channels: what most operations read.
fn features(channels: usize, [height, width]: [usize; 2]) -> Reference {
    Reference::input(channels, height, width).conv(Conv {
        key: 100,
        activation: Activation::Identity,
        ..dense(channels, channels, 1, 1)
    })
}

#[test]
fn dense_convolutions_of_any_channels_kernel_and_stride() {
    for (channels_in, channels_out) in [(1, 1), (7, 8), (16, 16), (24, 100), (33, 48), (64, 17)] {
        for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1)] {
            let size = [7, 11];
            let conv = features(channels_in, size).conv(dense(channels_in, channels_out, kernel, stride));
            assert_everywhere(size, &[conv]);
        }
    }
}

#[test]
fn images_in_planes_are_convolved_without_a_copy() {
    for channels in [1, 3, 5] {
        for (kernel, stride) in [(1, 1), (3, 1), (3, 2), (7, 2)] {
            let size = [9, 50];
            let conv = Reference::input(channels, size[0], size[1]).conv(dense(channels, 35, kernel, stride));
            assert_everywhere(size, &[conv]);
        }
    }
}

#[test]
fn rows_of_every_width_are_covered() {
    for width in 1..=45 {
        let size = [2, width];
        let wide = features(16, size).conv(dense(16, 48, 1, 1));
        let next = wide.conv(Conv { key: 2, ..dense(48, 16, 3, 1) });
        assert_everywhere(size, &[wide, next]);
    }
}

#[test]
fn winograd_tiles_are_cut_at_any_edge() {
    for height in 1..=9 {
        for width in [1, 2, 3, 4, 5, 8, 30] {
            let size = [height, width];
            let input = features(32, size);
            let same = input.conv(Conv { key: 2, ..dense(32, 32, 3, 1) }).add(&input);
            let halved = input.conv(Conv { key: 3, ..dense(32, 48, 3, 2) });
            assert_everywhere(size, &[same, halved]);
        }
    }
}

#[test]
fn depthwise_convolutions_of_any_kernel_and_stride() {
    for channels in [2, 16, 40] {
        for kernel in [1, 3, 5, 7] {
            for stride in [1, 2] {
                let size = [9, 21];
                let conv = Conv { groups: channels, ..dense(channels, channels, kernel, stride) };
                assert_everywhere(size, &[features(channels, size).conv(conv)]);
            }
        }
    }
}

#[test]
fn sums_are_fused_behind_the_activation_or_computed_alone() {
    let size = [6, 7];
    let input = features(40, size);
    let fused = input.conv(Conv { key: 2, ..dense(40, 40, 3, 1) }).add(&input);
    let depthwise = fused.add(&input.conv(Conv { key: 3, groups: 40, ..dense(40, 40, 7, 1) }));
    let alone = fused.add(&depthwise).add(&input);
    assert_everywhere(size, &[fused, depthwise, alone]);
}

#[test]
fn channels_are_joined_and_split_at_any_boundary() {
    let size = [5, 6];
    let input = features(72, size);
    let parts = [input.slice(0..16), input.slice(3..30), input.slice(30..31), input.slice(64..72), input.clone()];
    let joined = Reference::concat(&parts);
    let pooled = joined.slice(10..100).max_pool(3);
    let halves = Reference::concat(&[input.slice(0..32), input.slice(32..72), pooled.clone()]);
    let next = halves.conv(Conv { key: 4, ..dense(162, 20, 3, 1) });
    assert_everywhere(size, &[joined, pooled, halves, next, input]);
}

#[test]
fn the_image_itself_can_be_joined_and_returned() {
    let size = [4, 4];
    let input = Reference::input(3, 4, 4);
    let joined = Reference::concat(&[input.clone(), input.max_pool(3), input.clone()]);
    assert_everywhere(size, &[joined.clone(), input.clone(), joined.conv(dense(9, 3, 3, 1)).add(&input)]);
}

#[test]
fn maxima_ignore_what_lies_outside() {
    let (channels, height, width) = (20, 7, 9);
    // Below zero, and lower with every pixel: a border of zeros would win, and a window in the wrong place shows.
    let level = |channel: usize, row: usize, column: usize| -1.0 - (channel + row * width + column) as f32;
    let fill = |mut rows: InputRows<'_>| {
        for channel in 0..channels {
            for row in rows.range() {
                let values = rows.row_mut(channel, row);
                values.iter_mut().enumerate().for_each(|(column, value)| *value = level(channel, row, column));
            }
        }
    };
    for kernel in [3, 5, 13] {
        let maxima = Value::input(channels).max_pool(kernel);
        let before = |position: usize| position.saturating_sub(kernel / 2);
        for (options, _) in every_way() {
            let mut engine = Engine::new(std::slice::from_ref(&maxima), &options, weights).unwrap();
            let check = |outputs: &[MapView<'_>]| {
                for (channel, row, column) in positions(channels, height, width) {
                    let found = outputs[0].get(channel, row, column);
                    assert_eq!(found, level(channel, before(row), before(column)), "{channel}, {row}, {column}");
                }
            };
            engine.run(height, width, fill, check).unwrap();
        }
    }
}

fn positions(channels: usize, height: usize, width: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..channels).flat_map(move |c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))))
}

#[test]
fn attention_over_more_positions_than_a_pass_sums_up() {
    let size = [66, 64];
    let input = features(8, size);
    assert_everywhere(size, &[Reference::attention(&input, &input, &input, 1)]);
}

#[test]
fn attention_of_any_head() {
    for (heads, depth, channels) in [(1, 16, 32), (2, 32, 64), (3, 5, 7), (1, 40, 20), (2, 16, 48)] {
        for size in [[4, 5], [7, 9]] {
            let input = features(heads * (2 * depth + channels), size);
            let query = input.slice(0..heads * depth);
            let key = input.slice(heads * depth..2 * heads * depth);
            let value = input.slice(2 * heads * depth..heads * (2 * depth + channels));
            assert_everywhere(size, &[Reference::attention(&query, &key, &value, heads)]);
        }
    }
}

#[test]
fn a_1x1_convolution_of_an_upsampled_map_is_the_same_before_it() {
    let size = [8, 12];
    let high = features(40, size);
    let low = high.conv(Conv { key: 2, ..dense(40, 24, 3, 2) });
    for skip in [vec![high.clone()], vec![high.slice(0..16), high.clone()]] {
        let channels = 24 + skip.iter().map(|part| part.map.channels).sum::<usize>();
        let joined = Reference::concat(&[vec![low.upsample()], skip].concat());
        assert_everywhere(size, &[joined.conv(Conv { key: 3, ..dense(channels, 36, 1, 1) })]);
    }
}

#[test]
fn long_sums_are_split_into_passes() {
    let size = [3, 17];
    assert_everywhere(size, &[features(300, size).conv(dense(300, 40, 1, 1))]);
}

/// Both factors are rounded to 8 bits: 2^-9 each of sums of products around 1, at the far end of their spread.
const BF16: f64 = 3e-2;
/// Winograd's transforms, rounded to 8 bits as well, make twice that of it.
const BF16_WINOGRAD: f64 = 2.0 * BF16;

/// Every set that multiplies in bf16: the imitation always does.
fn every_bf16(exact: bool) -> impl Iterator<Item = Options> {
    Isa::available().filter_map(move |isa| {
        let options = Options { precision: Precision::Bf16, isa: Some(isa), exact, ..Options::default() };
        match Engine::new(&[Value::input(1)], &options, weights) {
            Err(Error::Bf16 { .. }) => None,
            other => other.map(|_| options).ok(),
        }
    })
}

#[test]
fn bf16_products_of_what_bf16_has_are_as_exact_as_those_of_floats() {
    for (channels_in, channels_out) in [(7, 8), (16, 16), (33, 48), (100, 70), (600, 40)] {
        for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2), (5, 1)] {
            let size = [5, 19];
            // A maximum of one pixel: the image in blocks of channels, as it is.
            let image = Reference::input(channels_in, size[0], size[1]).max_pool(1);
            let conv = image
                .conv(Conv { activation: Activation::Identity, ..dense(channels_in, channels_out, kernel, stride) });
            for options in every_bf16(true) {
                assert_agrees(std::slice::from_ref(&conv), size, &options, DIRECT);
            }
        }
    }
}

#[test]
fn bf16_products_are_as_near_as_their_rounding() {
    let size = [8, 12];
    let high = features(40, size);
    let low = high.conv(Conv { key: 2, ..dense(40, 24, 3, 2) });
    let joined = Reference::concat(&[low.upsample(), high]).conv(Conv { key: 3, ..dense(64, 36, 1, 1) });
    for options in every_bf16(true) {
        assert_agrees(std::slice::from_ref(&joined), size, &options, 2.0 * BF16);
    }
}

/// SiLU's polynomial beside bf16: 8e-5 relative, and what a sum rounds.
const COARSE_SILU: f64 = 1e-4;

#[test]
fn silu_beside_bf16_is_coarser_than_in_f32_and_finer_than_bf16() {
    for doublings in [0, 4, 7, 14] {
        let image = Reference::input(16, 8, 24).max_pool(1);
        let image = (0..doublings).fold(image, |sum, _| sum.add(&sum));
        let activated = image.conv(Conv { groups: 16, ..dense(16, 16, 1, 1) });
        for options in every_bf16(false) {
            assert_agrees(std::slice::from_ref(&activated), [8, 24], &options, COARSE_SILU);
        }
    }
}

#[test]
fn winograd_in_bf16_is_as_near_as_its_transforms() {
    for (channels_in, channels_out) in [(16, 16), (33, 48), (100, 70), (300, 40)] {
        for size in [[5, 19], [16, 40]] {
            let image = Reference::input(channels_in, size[0], size[1]).max_pool(1);
            let conv = image.conv(dense(channels_in, channels_out, 3, 1));
            for options in every_bf16(false) {
                assert_agrees(std::slice::from_ref(&conv), size, &options, BF16_WINOGRAD);
            }
        }
    }
}

/// Every step of a chain rounds, and each adds its error to those before.
const BF16_CHAIN: f64 = 3.0 * BF16_WINOGRAD;

#[test]
fn values_that_are_only_multiplied_may_be_stored_in_bf16() {
    for (size, channels) in [([14, 22], 33), ([32, 72], 48), ([18, 90], 16)] {
        let with = |key, channels_in, kernel, stride| Conv { key, ..dense(channels_in, channels, kernel, stride) };
        // From planes, with stride, through Winograd with and without a residual, cut at the edges, by 1x1 and
        // depthwise.
        let planar = Reference::input(3, size[0], size[1]).conv(with(1, 3, 3, 1));
        let strided = planar.conv(with(2, channels, 3, 2));
        let residual = planar.conv(with(3, channels, 3, 2));
        let added = residual.conv(with(4, channels, 3, 1)).add(&residual);
        let joined = strided
            .conv(with(5, channels, 3, 1))
            .conv(with(6, channels, 1, 1))
            .conv(Conv { groups: channels, ..with(9, channels, 3, 1) });
        let outputs = [added.conv(with(7, channels, 3, 1)), joined.conv(with(8, channels, 5, 1))];
        for exact in [false, true] {
            for options in every_bf16(exact) {
                assert_agrees(&outputs, [size[0], size[1]], &options, BF16_CHAIN);
            }
        }
    }
}

#[test]
fn bf16_is_refused_where_it_is_not_to_be_had() {
    let Some(isa) = Isa::available().find(|isa| matches!(isa, Isa::Avx2 | Isa::Neon)) else {
        return; // Only sets that have it.
    };
    let options = Options { precision: Precision::Bf16, isa: Some(isa), ..Options::default() };
    let error = Engine::new(&[Value::input(1)], &options, weights).err().unwrap();
    assert_eq!(error.to_string(), format!("precision bf16: expected avx512 with bf16 products, found {isa}"));
}
