//! Speed of each kind of kernel on one thread, beside a loop of nothing but fused multiplications and additions,
//! and of a backbone on one and on all threads. criterion's elements are floating-point operations: `Gelem/s` is
//! GFLOP/s, and a kernel's share of the peak is its figure over that of `peak`. Winograd's may exceed it.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use yolov10_cpu::{Activation, Conv, Engine, Error, InputPlanes, Isa, Options, Precision, Value};

/// Convolutions of one shape one after another: what feeds the first is then of no weight.
const STACK: u64 = 8;

fn conv(key: u64, channels_in: usize, channels_out: usize, kernel: usize, stride: usize) -> Conv {
    Conv { key, channels_in, channels_out, kernel, stride, groups: 1, activation: Activation::Silu }
}

/// Weights that keep activations around their size; their values do not change the speed.
fn weights(_: u64, weight: &mut [f32], bias: &mut [f32]) -> Result<(), Error> {
    let size = (bias.len() as f32 / weight.len() as f32).sqrt();
    weight.iter_mut().enumerate().for_each(|(index, value)| *value = if index % 3 == 0 { size } else { -size });
    bias.fill(0.1);
    Ok(())
}

fn fill(mut planes: InputPlanes<'_>) {
    for channel in 0..planes.channels() {
        for row in 0..planes.height() {
            planes.row_mut(channel, row).fill(row as f32 / 640.0);
        }
    }
}

fn engine(outputs: &[Value], options: &Options) -> Engine {
    Engine::new(outputs, options, weights).expect("the network is one that there are kernels for")
}

fn bench(criterion: &mut Criterion, group: &str, name: &str, [height, width]: [usize; 2], mut engine: Engine) {
    let mut group = criterion.benchmark_group(group);
    let flops = engine.flops(height, width).expect("the size fits the network");
    group.throughput(Throughput::Elements(flops));
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter(|| engine.run(height, width, fill, |outputs| outputs.len()).expect("the size fits the network"));
    });
    group.finish();
}

fn one_thread() -> Options {
    Options { threads: Some(NonZeroUsize::MIN), ..Options::default() }
}

/// `STACK` convolutions of `shape`, one after another.
fn stack(channels: usize, shape: impl Fn(u64) -> Conv) -> Value {
    let first = Value::input(1).conv(conv(0, 1, channels, 1, 1));
    (1..=STACK).fold(first, |value, key| value.conv(shape(key)))
}

/// `STACK` convolutions of stride 2, all of one map.
fn fan(channels: usize) -> Vec<Value> {
    let map = Value::input(1).conv(conv(0, 1, channels, 1, 1));
    (1..=STACK).map(|key| map.conv(conv(key, channels, channels, 3, 2))).collect()
}

fn kernels(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let direct = Options { isa: Some(isa), exact: true, ..one_thread() };
        let winograd = Options { isa: Some(isa), ..one_thread() };
        for (channels, side) in [(32, 80), (64, 40), (128, 20), (256, 20)] {
            let shape = format!("{isa}/{channels}x{side}x{side}");
            let dense = |kernel| stack(channels, |key| conv(key, channels, channels, kernel, 1));
            let depthwise = stack(channels, |key| Conv { groups: channels, ..conv(key, channels, channels, 7, 1) });
            bench(criterion, "1x1", &shape, [side, side], engine(&[dense(1)], &direct));
            bench(criterion, "3x3", &shape, [side, side], engine(&[dense(3)], &direct));
            bench(criterion, "3x3 winograd", &shape, [side, side], engine(&[dense(3)], &winograd));
            for (group, options) in [("3x3 stride 2", &direct), ("3x3 stride 2 winograd", &winograd)] {
                let engine = engine(&fan(channels), options);
                bench(criterion, group, &shape, [2 * side, 2 * side], engine);
            }
            bench(criterion, "7x7 depthwise", &shape, [side, side], engine(&[depthwise], &direct));
            let halves = Options { precision: Precision::Bf16, ..winograd.clone() };
            if isa == Isa::Portable {
                continue; // It only imitates bf16.
            }
            for (group, kernel) in [("1x1 bf16", 1), ("3x3 winograd bf16", 3)] {
                if let Ok(engine) = Engine::new(&[dense(kernel)], &halves, weights) {
                    bench(criterion, group, &shape, [side, side], engine);
                }
            }
        }
    }
}

/// A stem and three stages, each halving the size and ending in two residual bottlenecks.
fn backbone() -> Value {
    let mut value = Value::input(3).conv(conv(0, 3, 16, 3, 2));
    for (stage, channels) in [32, 64, 128].into_iter().enumerate() {
        let key = 10 * (stage as u64 + 1);
        value = value.conv(conv(key, channels / 2, channels, 3, 2));
        for bottleneck in 1..=2 {
            let inner = value.conv(conv(key + 2 * bottleneck, channels, channels, 3, 1));
            value = value.add(&inner.conv(conv(key + 2 * bottleneck + 1, channels, channels, 3, 1)));
        }
    }
    value
}

fn threads(criterion: &mut Criterion) {
    bench(criterion, "backbone", "1 thread", [640, 640], engine(&[backbone()], &one_thread()));
    let all = engine(&[backbone()], &Options::default());
    let name = format!("{} threads", all.threads());
    if all.threads() > 1 {
        bench(criterion, "backbone", &name, [640, 640], all);
    }
}

fn loading(criterion: &mut Criterion) {
    criterion.bench_function("pack weights of the backbone", |bencher| {
        bencher.iter(|| engine(&[backbone()], &one_thread()));
    });
}

/// Multiplications and additions of one core that does nothing else.
fn peak(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("peak");
    for peak::Loop { isa, flops, multiply } in peak::loops() {
        group.throughput(Throughput::Elements(flops));
        group.bench_function(BenchmarkId::from_parameter(isa), |bencher| bencher.iter(multiply));
    }
    group.finish();
}

mod peak {
    //! Twelve sums that do not wait for each other: enough to keep two multipliers of four cycles busy. With twice as
    //! many, Zen 5 falls to two thirds for want of register ports.
    #![allow(unsafe_code, reason = "calls functions compiled for sets that were detected")]

    use super::*;

    const ROUNDS: u64 = 100_000;
    const SUMS: u64 = 12;

    /// A loop and how many operations it does.
    pub struct Loop {
        pub isa: Isa,
        pub flops: u64,
        pub multiply: fn() -> f32,
    }

    /// One for each set that the machine has and that has a loop here.
    pub fn loops() -> impl Iterator<Item = Loop> {
        let of = |isa, lanes: u64, multiply| Some(Loop { isa, flops: 2 * ROUNDS * SUMS * lanes, multiply });
        Isa::available().filter_map(move |isa| match isa {
            // SAFETY: the set is available.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => of(isa, 16, || unsafe { avx512() }),
            // SAFETY: the set is available.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => of(isa, 8, || unsafe { avx2() }),
            _ => None,
        })
    }

    // A macro, because sums in an array would be kept in memory.
    #[cfg(target_arch = "x86_64")]
    macro_rules! multiply {
        ($name:ident, $feature:literal, $splat:ident, $multiply_add:ident, $first:ident; $($sum:ident)*) => {
            #[target_feature(enable = $feature)]
            fn $name() -> f32 {
                use std::arch::x86_64::*;
                let factor = $splat(black_box(0.5));
                $(let mut $sum = $splat(black_box(1.0));)*
                for _ in 0..ROUNDS {
                    $($sum = $multiply_add($sum, factor, factor);)*
                }
                0.0 $(+ $first($sum))*
            }
        };
    }
    #[cfg(target_arch = "x86_64")]
    multiply!(avx512, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32; a b c d e f g h i j k l);
    #[cfg(target_arch = "x86_64")]
    multiply!(avx2, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32; a b c d e f g h i j k l);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = peak, kernels, threads, loading
}
criterion_main!(benches);
