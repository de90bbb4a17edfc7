//! Time of each stage from a picture file's bytes to boxes: YOLOv10n with the demo's weights, 640x640, all threads; and
//! of what shows them to people, for a picture of 640x480: boxes drawn, and a JPEG of it, on one thread.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use yolov10_media::{Artist, Style, encode_jpeg};
use yolov10_model::letterbox::Fit;
use yolov10_model::picture::decode_picture;
use yolov10_model::speed::Speed;
use yolov10_model::{Detector, Options, Size, Weights};

/// The demo's weights: speed does not depend on how good they are.
const WEIGHTS: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
/// 1280x896 pixels.
const PICTURE: &[u8] = include_bytes!("../assets/street.jpg");

/// The time of one stage in a call.
type Stage = fn(Speed) -> Duration;

fn stages(criterion: &mut Criterion) {
    let weights = Arc::new(Weights::from_static(WEIGHTS).expect("the demo's weights are whole"));
    let options = Options { input: Some(Size::square(640)), fit: Fit::Full, ..Options::default() };
    let mut detector = Detector::new(&weights, &options).expect("the CPU is always there");
    let picture = decode_picture(PICTURE).expect("the demo's picture is whole");

    let mut group = criterion.benchmark_group("stages");
    group.bench_function("jpeg", |bencher| bencher.iter(|| decode_picture(PICTURE)));
    let measured: [(&str, Stage); 3] = [
        ("letterbox", |speed| speed.preprocess),
        ("network", |speed| speed.inference),
        ("decode", |speed| speed.postprocess),
    ];
    // The stages pass buffers to each other, so all of them run, and the clock of one is read.
    for (name, stage) in measured {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|runs| {
                let run = |_| {
                    detector.detect(&picture).expect("the picture has pixels");
                    stage(detector.speed())
                };
                (0..runs).map(run).sum()
            });
        });
    }
    let mut small = image::imageops::thumbnail(&picture, 640, 480);
    let found = detector.detect(&small).expect("the picture has pixels");
    let artist = Artist::new(Style::default(), detector.class_names());
    group.bench_function(format!("draw {}", found.len()), |bencher| bencher.iter(|| artist.draw(&mut small, &found)));
    group.bench_function("encode", |bencher| bencher.iter(|| encode_jpeg(&small)));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
