//! Speed of each kind of kernel on one thread, beside a loop of nothing but fused multiplications and additions, and
//! of a backbone on one thread and on all of them. criterion's elements are floating-point operations: `Gelem/s` is
//! GFLOP/s, and a kernel's share of the peak is its figure over that of `peak`. Winograd's may exceed it.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use yolov10_cpu::resize::{Column, Resizer, Row};
use yolov10_cpu::{Activation, Conv, Engine, Error, InputRows, Isa, Options, Precision, Value};

/// How many convolutions of one shape follow each other, so that what feeds the first hardly counts.
const STACK: u64 = 8;

fn conv(key: u64, channels_in: usize, channels_out: usize, kernel: usize, stride: usize) -> Conv {
    Conv { key, channels_in, channels_out, kernel, stride, groups: 1, activation: Activation::Silu }
}

/// Weights that keep activations at their size; their values do not affect the speed.
fn weights(_: u64, weight: &mut [f32], bias: &mut [f32]) -> Result<(), Error> {
    let size = (bias.len() as f32 / weight.len() as f32).sqrt();
    weight.iter_mut().enumerate().for_each(|(index, value)| *value = if index % 3 == 0 { size } else { -size });
    bias.fill(0.1);
    Ok(())
}

fn fill(mut rows: InputRows<'_>) {
    for channel in 0..rows.channels() {
        for row in rows.range() {
            rows.row_mut(channel, row).fill(row as f32 / 640.0);
        }
    }
}

/// A square map of a network being described, and what computing it costs as sums of products.
#[derive(Clone)]
struct Map {
    value: Value,
    side: usize,
    /// Multiplications and additions, all maps before it included.
    flops: u64,
}

impl Map {
    fn image(channels: usize, side: usize) -> Map {
        Map { value: Value::input(channels), side, flops: 0 }
    }

    fn conv(&self, conv: Conv) -> Map {
        let side = self.side.div_ceil(conv.stride);
        let products = conv.channels_out * conv.channels_in / conv.groups * conv.kernel.pow(2) * side.pow(2);
        Map { value: self.value.conv(conv), side, flops: self.flops + 2 * products as u64 }
    }
}

/// Several maps of an image of `side` x `side` pixels.
struct Network {
    outputs: Vec<Value>,
    side: usize,
    flops: u64,
}

impl Network {
    fn engine(&self, options: &Options) -> Engine {
        Engine::new(&self.outputs, options, weights).expect("the network is one that there are kernels for")
    }

    fn bench(&self, criterion: &mut Criterion, group: &str, name: &str, options: &Options) {
        let (side, mut engine) = (self.side, self.engine(options));
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Elements(self.flops));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| engine.run(side, side, fill, |outputs| outputs.len()).expect("the size fits the network"));
        });
        group.finish();
    }
}

fn one_thread() -> Options {
    Options { threads: Some(NonZeroUsize::MIN), ..Options::default() }
}

/// `STACK` convolutions of `shape`, one after another, on maps of `side` x `side`.
fn stack(channels: usize, side: usize, shape: impl Fn(u64) -> Conv) -> Network {
    let first = Map::image(1, side).conv(conv(0, 1, channels, 1, 1));
    let last = (1..=STACK).fold(first, |map, key| map.conv(shape(key)));
    Network { outputs: vec![last.value], side, flops: last.flops }
}

/// `STACK` convolutions of stride 2, all of one map, to maps of `side` x `side`.
fn fan(channels: usize, side: usize) -> Network {
    let map = Map::image(1, 2 * side).conv(conv(0, 1, channels, 1, 1));
    let halves: Vec<Map> = (1..=STACK).map(|key| map.conv(conv(key, channels, channels, 3, 2))).collect();
    let flops = halves.iter().map(|half| half.flops - map.flops).sum::<u64>() + map.flops;
    Network { outputs: halves.into_iter().map(|half| half.value).collect(), side: 2 * side, flops }
}

fn kernels(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let direct = Options { isa: Some(isa), exact: true, ..one_thread() };
        let winograd = Options { isa: Some(isa), ..one_thread() };
        for (channels, side) in [(32, 80), (64, 40), (128, 20), (256, 20)] {
            let shape = format!("{isa}/{channels}x{side}x{side}");
            let dense = |kernel| stack(channels, side, |key| conv(key, channels, channels, kernel, 1));
            let depthwise =
                stack(channels, side, |key| Conv { groups: channels, ..conv(key, channels, channels, 7, 1) });
            dense(1).bench(criterion, "1x1", &shape, &direct);
            dense(3).bench(criterion, "3x3", &shape, &direct);
            dense(3).bench(criterion, "3x3 winograd", &shape, &winograd);
            fan(channels, side).bench(criterion, "3x3 stride 2", &shape, &direct);
            fan(channels, side).bench(criterion, "3x3 stride 2 winograd", &shape, &winograd);
            depthwise.bench(criterion, "7x7 depthwise", &shape, &direct);
            let halves = Options { precision: Precision::Bf16, ..winograd.clone() };
            // The portable kernels only imitate bf16, and other sets may lack it.
            if isa != Isa::Portable && Engine::new(&[Value::input(1)], &halves, weights).is_ok() {
                dense(1).bench(criterion, "1x1 bf16", &shape, &halves);
                dense(3).bench(criterion, "3x3 winograd bf16", &shape, &halves);
            }
        }
    }
}

/// A stem and three stages, each halving the size and ending in two residual bottlenecks.
fn backbone() -> Network {
    let side = 640;
    let mut map = Map::image(3, side).conv(conv(0, 3, 16, 3, 2));
    for (stage, channels) in [32, 64, 128].into_iter().enumerate() {
        let key = 10 * (stage as u64 + 1);
        map = map.conv(conv(key, channels / 2, channels, 3, 2));
        for bottleneck in 1..=2 {
            let inner = map.conv(conv(key + 2 * bottleneck, channels, channels, 3, 1));
            let inner = inner.conv(conv(key + 2 * bottleneck + 1, channels, channels, 3, 1));
            map = Map { value: map.value.add(&inner.value), ..inner };
        }
    }
    Network { outputs: vec![map.value], side, flops: map.flops }
}

fn threads(criterion: &mut Criterion) {
    backbone().bench(criterion, "backbone", "1 thread", &one_thread());
    let all = backbone().engine(&Options::default()).threads();
    if all > 1 {
        backbone().bench(criterion, "backbone", &format!("{all} threads"), &Options::default());
    }
}

fn loading(criterion: &mut Criterion) {
    criterion.bench_function("pack weights of the backbone", |bencher| {
        bencher.iter(|| backbone().engine(&one_thread()));
    });
}

/// A picture of 1280x896 to 640x448, row by row on one thread; elements are pixels of the result.
fn resizing(criterion: &mut Criterion) {
    let (width, height) = (640, 448);
    let picture = vec![100; 4 * width * height * 3];
    let source = |row: usize| &picture[row * 2 * width * 3..][..2 * width * 3];
    let halves = [1024; 2];
    let columns: Vec<Column> = (0..width).map(|x| Column { left: 2 * x as u32, weights: halves }).collect();
    let mut planes = [(); 3].map(|()| vec![0.0; width]);
    let mut group = criterion.benchmark_group("resize");
    group.throughput(Throughput::Elements((width * height) as u64));
    for isa in Isa::available() {
        let resizer = Resizer::new(isa).expect("the set is available");
        group.bench_function(BenchmarkId::from_parameter(isa), |bencher| {
            bencher.iter(|| {
                for y in 0..height {
                    let row = Row { between: [source(2 * y), source(2 * y + 1)], weights: halves };
                    resizer.row(&row, &columns, planes.each_mut().map(Vec::as_mut_slice));
                }
            });
        });
    }
    group.finish();
}

/// Multiplications and additions per second of one core that does nothing else.
fn peak(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("peak");
    for peak::Loop { isa, flops, multiply } in peak::loops() {
        group.throughput(Throughput::Elements(flops));
        group.bench_function(BenchmarkId::from_parameter(isa), |bencher| bencher.iter(multiply));
    }
    group.finish();
}

mod peak {
    //! Twelve sums that do not wait for each other: enough to keep two multipliers with four cycles of latency busy.
    //! With twice as many, Zen 5 drops to two thirds for lack of register ports.
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
    targets = peak, resizing, kernels, threads, loading
}
criterion_main!(benches);
