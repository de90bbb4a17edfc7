//! Whole networks: random ones against a naive interpreter, and what must hold for any of them.
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod reference;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use reference::{Reference, assert_agrees, elements, run, weights};
use yolov10_cpu::{Activation, Conv, Engine, Error, Isa, Options, Precision, Value};

/// Errors grow with depth; activations stay around 1.
const TOLERANCE: f64 = 2e-4;
/// A convolution in bf16 may be off by 6e-2 (`operations.rs`), and a dozen add up like noise; what is read in a wrong
/// place is off by 1.
const BF16_TOLERANCE: f64 = 0.3;

/// One operation of a random network: what it does and which earlier values it takes, as numbers that are
/// reduced to the choices there are.
type Draw = (u8, usize, usize, usize);

fn conv(key: u64, channels_in: usize, channels_out: usize, kernel: usize, stride: usize) -> Conv {
    Conv { key, channels_in, channels_out, kernel, stride, groups: 1, activation: Activation::Silu }
}

/// Applies the draws one after another; values of different size meet only by up- and downsampling.
fn network(channels: usize, size: [usize; 2], draws: &[Draw]) -> Vec<Reference> {
    let input = Reference::input(channels, size[0], size[1]);
    let mut values = vec![input.conv(conv(1000, channels, 16, 3, 1)), input];
    for (index, &(operation, first, second, third)) in draws.iter().enumerate() {
        let key = index as u64;
        let a = values[first % values.len()].clone();
        let channels = a.map.channels;
        let same_size = |other: &&Reference| [other.map.height, other.map.width] == [a.map.height, a.map.width];
        let partners: Vec<Reference> = values.iter().filter(same_size).cloned().collect();
        let b = partners[second % partners.len()].clone();
        let next = match operation % 10 {
            0 | 1 => a.conv(conv(key, channels, [8, 16, 32, 33, 48][third % 5], 3, 1)),
            2 => a.conv(conv(key, channels, [7, 16, 40, 64][third % 4], 1, 1)),
            3 if a.map.height % 2 == 0 && a.map.width % 2 == 0 => a.conv(conv(key, channels, 24, 3, 2)),
            4 if channels > 1 => {
                let kernel = [3, 5, 7][third % 3];
                a.conv(Conv { groups: channels, ..conv(key, channels, channels, kernel, 1) })
            }
            5 => a.add(&b.conv(conv(key, b.map.channels, channels, [1, 3][third % 2], 1))),
            6 => Reference::concat(&[a.clone(), b.clone(), a.clone()][..2 + third % 2]),
            7 => a.slice(second % channels..second % channels + 1 + third % (channels - second % channels)),
            8 if a.map.height <= size[0] / 2 => a.upsample(),
            9 if channels.is_multiple_of(2) => Reference::attention(&a, &a, &a, 2),
            _ => a.max_pool([3, 5][third % 2]),
        };
        if next.map.channels <= 160 {
            values.push(next);
        }
    }
    let outputs = values.len().min(3);
    values.split_off(values.len() - outputs)
}

/// The fastest set of each precision: of bf16 it may be the imitation.
fn every_precision() -> impl Iterator<Item = Options> {
    [Precision::F32, Precision::Bf16].into_iter().filter_map(|precision| {
        Isa::available()
            .map(|isa| Options { isa: Some(isa), precision, ..Options::default() })
            .find(|options| Engine::new(&[Value::input(1)], options, weights).is_ok())
    })
}

/// Options by number.
fn options(isa: usize, threads: usize, exact: bool) -> Options {
    let isas: Vec<Isa> = Isa::available().collect();
    Options { isa: Some(isas[isa % isas.len()]), threads: NonZeroUsize::new(threads), exact, ..Options::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_random_network_agrees_with_a_naive_interpreter(
        channels in 1usize..5,
        [height, width] in [2usize..12, 2usize..20],
        draws in prop::collection::vec(any::<Draw>(), 1..14),
        isa in 0usize..3,
        threads in 1usize..4,
        exact: bool,
    ) {
        let outputs = network(channels, [height, width], &draws);
        assert_agrees(&outputs, [height, width], &options(isa, threads, exact), TOLERANCE);
    }

    #[test]
    fn a_random_network_in_bf16_agrees_as_far_as_it_can(
        channels in 1usize..5,
        [height, width] in [2usize..12, 2usize..20],
        draws in prop::collection::vec(any::<Draw>(), 1..14),
        imitated: bool,
        threads in 1usize..4,
        exact: bool,
    ) {
        let outputs = network(channels, [height, width], &draws);
        let of_this_machine = every_precision().last().and_then(|options| options.isa);
        let options = Options {
            isa: if imitated { Some(Isa::Portable) } else { of_this_machine },
            precision: Precision::Bf16,
            threads: NonZeroUsize::new(threads),
            exact,
            ..Options::default()
        };
        assert_agrees(&outputs, [height, width], &options, BF16_TOLERANCE);
    }
}

/// Numbers of every magnitude.
fn any_magnitude() -> impl Strategy<Value = usize> {
    (any::<usize>(), 0..usize::BITS).prop_map(|(number, shift)| number >> shift)
}

/// What the engines of the two properties below may take, so that none of them fills the machine.
const LIMIT: usize = 4 << 20;

proptest! {
    #[test]
    fn no_size_of_image_is_too_much_to_be_refused(height in any_magnitude(), width in any_magnitude(), exact: bool) {
        let options = Options { exact, memory_limit: Some(LIMIT), ..Options::default() };
        // Three planes of floats are the least.
        let least = 12 * height as u128 * width as u128;
        match engine(&options).run(height, width, |_| (), |_| ()) {
            Ok(()) => prop_assert!(least <= LIMIT as u128),
            Err(Error::Size { .. }) => prop_assert!(height % 8 != 0 || width % 8 != 0 || height == 0 || width == 0),
            Err(Error::TooLarge { most: 65536, found, .. }) => prop_assert!(found == height || found == width),
            Err(Error::MemoryLimit { requested, limit: LIMIT }) => {
                prop_assert!(requested > LIMIT && requested as u128 >= least);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_convolution_is_too_much_to_be_refused(
        [channels_in, channels_out, kernel, stride, groups] in [
            any_magnitude(), any_magnitude(), any_magnitude(), any_magnitude(), any_magnitude()
        ],
        exact: bool,
    ) {
        let channels_in = channels_in.max(1);
        let conv = Conv { key: 1, channels_in, channels_out, kernel, stride, groups, activation: Activation::Silu };
        for groups in [groups, 1, channels_in] {
            for stride in [stride, 1, 2] {
                let conv = Value::input(channels_in).conv(Conv { stride, groups, ..conv });
                let options = Options { exact, memory_limit: Some(LIMIT), ..Options::default() };
                match Engine::new(&[conv], &options, weights) {
                    Ok(engine) => prop_assert!(engine.memory().weights <= LIMIT),
                    Err(Error::Unsupported { key: 1, .. }) => {}
                    Err(Error::TooLarge { most, found, .. }) => prop_assert!(found > most),
                    Err(Error::MemoryLimit { requested, .. }) => prop_assert!(requested > LIMIT),
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
        }
    }
}

#[test]
fn numbers_that_no_machine_has_are_refused_with_what_there_may_be() {
    let refused =
        |output: Value, options: &Options| Engine::new(&[output], options, weights).err().unwrap().to_string();
    let threads = Options { threads: NonZeroUsize::new(usize::MAX), ..Options::default() };
    assert_eq!(refused(Value::input(3), &threads), "threads: expected at most 1024, found 18446744073709551615");
    let options = Options::default();
    let channels = Value::concat(&[Value::input(usize::MAX), Value::input(usize::MAX)]);
    let expected = "channels of a value: expected at most 65536, found 18446744073709551615";
    assert_eq!(refused(channels, &options), expected);
    let window = Value::input(3).max_pool(usize::MAX);
    let expected = "side of a maximum's window: expected at most 65536, found 18446744073709551615";
    assert_eq!(refused(window, &options), expected);
    let error = engine(&options).run(usize::MAX - 7, 64, |_| (), |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "rows of an image: expected at most 65536, found 18446744073709551608");
}

/// A backbone and a neck in small: everything that aliases, fuses or commutes.
fn small_detector(input: &Reference) -> Vec<Reference> {
    let stem = input.conv(conv(1, 3, 16, 3, 2));
    let high = stem.conv(conv(2, 16, 64, 3, 2));
    let (left, right) = (high.slice(0..32), high.slice(32..64));
    let bottleneck = right.add(&right.conv(conv(3, 32, 32, 3, 1)).conv(conv(4, 32, 32, 3, 1)));
    let joined = Reference::concat(&[left, right, bottleneck]).conv(conv(5, 96, 64, 1, 1));
    let low = joined.conv(Conv { groups: 64, ..conv(6, 64, 64, 3, 2) });
    let attended = low.add(&Reference::attention(&low, &low, &low, 2));
    let pooled = Reference::concat(&[attended.clone(), attended.max_pool(5)]).conv(conv(7, 128, 64, 1, 1));
    let neck = Reference::concat(&[pooled.upsample(), joined]).conv(conv(8, 128, 48, 1, 1));
    vec![neck.conv(conv(9, 48, 7, 1, 1)), pooled.conv(Conv { groups: 64, ..conv(10, 64, 64, 7, 1) })]
}

fn values(outputs: &[Reference]) -> Vec<Value> {
    outputs.iter().map(|output| output.value.clone()).collect()
}

fn engine(options: &Options) -> Engine {
    Engine::new(&values(&small_detector(&Reference::input(3, 8, 8))), options, weights).unwrap()
}

#[test]
fn one_engine_serves_every_size_it_is_given() {
    let mut engine = engine(&Options::default());
    // More sizes than plans are kept, and back to the first.
    let sizes = [[32, 32], [64, 40], [8, 8], [24, 56], [40, 40], [16, 72], [48, 8], [56, 56], [72, 24], [32, 32]];
    for size in sizes {
        let expected = small_detector(&Reference::input(3, size[0], size[1]));
        let expected = expected.iter().flat_map(|output| output.map.data.clone());
        for (found, expected) in run(&mut engine, size, elements).into_iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < TOLERANCE, "{size:?}: {found}, {expected}");
        }
    }
    assert_eq!(engine.memory().plans, 8);
}

#[test]
fn threads_change_no_bit() {
    let bits = |options: &Options, threads: usize| {
        let mut engine = engine(&Options { threads: NonZeroUsize::new(threads), ..options.clone() });
        assert_eq!(engine.threads(), threads);
        let runs: Vec<Vec<f32>> = (0..3).map(|_| run(&mut engine, [72, 104], elements)).collect();
        assert!(runs.iter().all(|again| again == &runs[0]), "{options:?}, {threads} threads: runs differ");
        runs[0].iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    for options in every_precision() {
        let one = bits(&options, 1);
        for threads in [2, 3, 5] {
            assert!(bits(&options, threads) == one, "{options:?}, {threads} threads and 1 thread differ");
        }
    }
}

#[test]
fn a_size_whose_paths_do_not_meet_is_refused() {
    let error = engine(&Options::default()).run(36, 30, |_| (), |_| ()).unwrap_err();
    assert!(matches!(error, Error::Size { height: 36, width: 30, multiple: 8 }), "{error}");
    assert_eq!(error.to_string(), "input of 36x30: both sides must be multiples of 8");
}

#[test]
fn weights_are_asked_for_once_in_evaluation_order() {
    let mut keys = Vec::new();
    let source = |key, weight: &mut [f32], bias: &mut [f32]| {
        keys.push(key);
        weights(key, weight, bias)
    };
    Engine::new(&values(&small_detector(&Reference::input(3, 8, 8))), &Options::default(), source).unwrap();
    // 7 comes before 8, whose half of the upsampled map is computed first.
    assert_eq!(keys, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn an_error_of_the_source_is_returned_as_it_is() {
    #[derive(Debug, PartialEq)]
    struct Missing(u64);
    impl From<Error> for Missing {
        fn from(error: Error) -> Missing {
            panic!("unexpected: {error}")
        }
    }
    let outputs = values(&small_detector(&Reference::input(3, 8, 8)));
    let source = |key, _: &mut [f32], _: &mut [f32]| if key == 5 { Err(Missing(key)) } else { Ok(()) };
    assert_eq!(Engine::new(&outputs, &Options::default(), source).err(), Some(Missing(5)));
}

#[test]
fn what_no_kernel_computes_is_refused_with_its_key() {
    let refused = |conv: Conv| {
        let output = Value::input(conv.channels_in).conv(conv);
        Engine::new(&[output], &Options::default(), weights).err().unwrap().to_string()
    };
    assert_eq!(refused(conv(5, 3, 3, 2, 1)), "convolution 5: expected an odd kernel, found 2");
    assert_eq!(refused(conv(6, 3, 3, 3, 3)), "convolution 6: expected a stride of 1 or 2, found 3");
    let grouped = Conv { groups: 2, ..conv(7, 4, 4, 3, 1) };
    assert_eq!(refused(grouped), "convolution 7: expected 1 group or 4, found 2 for 4 outputs");
    let large = Conv { groups: 4, ..conv(8, 4, 4, 9, 1) };
    assert_eq!(refused(large), "convolution 8: expected a depthwise kernel of 1, 3, 5 or 7, found 9");
}

#[test]
fn one_key_is_one_shape() {
    let first = Value::input(3).conv(conv(4, 3, 8, 3, 1));
    let outputs = [first.conv(conv(4, 8, 8, 3, 1))];
    let error = Engine::new(&outputs, &Options::default(), weights).err().unwrap();
    assert_eq!(error.to_string(), "convolution 4: two convolutions of different shapes have this key");
}

#[test]
fn a_shared_key_is_asked_for_once() {
    let first = Reference::input(16, 6, 6).conv(conv(4, 16, 16, 3, 1));
    let shared = first.conv(conv(4, 16, 16, 3, 1)).conv(conv(4, 16, 16, 3, 1));
    assert_agrees(&[shared], [6, 6], &Options::default(), TOLERANCE);
}

#[test]
fn a_network_has_one_image() {
    let two = Value::concat(&[Value::input(3), Value::input(3)]);
    let error = Engine::new(&[two], &Options::default(), weights).err().unwrap();
    assert_eq!(error.to_string(), "expected a network with 1 input, found 2");
}

#[test]
fn an_engine_moves_to_another_thread_and_survives_a_panic_of_its_caller() {
    let mut engine = engine(&Options::default());
    let before = run(&mut engine, [16, 16], elements);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut engine, [16, 16], |_| panic!("the reader gives up"))));
    outcome.unwrap_err();
    let after = std::thread::spawn(move || run(&mut engine, [16, 16], elements)).join().unwrap();
    assert_eq!(before, after);
}
