//! YOLO label files, and the figures computed from them.

use detection_metrics::{Dataset, Detection, Evaluator, Split};
use fastrand::Rng;

use crate::damage::{NUMBER_TEXTS, damage, once_in, one_of};
use crate::place::Place;
use crate::target::Target;

/// Tokens of the format.
const TOKENS: [&str; 10] = ["\n", "\r\n", " ", "\t", "0 .5 .5 .1 .1\n", "1 0 0 1 0 1 1\n", "nan", "-", ".", "\u{feff}"];

/// A row of 10 bytes takes a label of 40, a key of 40, and the memory of matching.
fn budget(length: usize) -> usize {
    (16 << 20) + 64 * length
}

pub fn target() -> Target {
    let place = Place::new(&[("data.yaml", "val: images\nnames: [a, b, c]\n"), ("images/1.jpg", "")]);
    Target {
        budget,
        make: Box::new(make),
        read: Box::new(move |labels| {
            place.write("labels/1.txt", &labels);
            let dataset = Dataset::from_yaml(&place.path("data.yaml"), Split::Val).expect("the file itself is sound");
            let Some(sample) = dataset.samples.first() else { return false };
            let found: Vec<Detection> = sample
                .labels
                .iter()
                .take(300)
                .map(|label| Detection { class: label.class, score: 0.5, bounds: label.bounds })
                .collect();
            let mut evaluator = Evaluator::new(3, 0.25).expect("three classes are not many");
            evaluator.add(&found, &sample.labels).expect("labels have classes of the data set");
            evaluator.finish().mean.ap50 <= 1.0
        }),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    let rows = match rng.usize(..100) {
        0 => 50_000,
        1..10 => 500,
        _ => rng.usize(..6),
    };
    let is_odd = once_in(rng, 3);
    let is_polygon = once_in(rng, 4);
    let mut text = String::new();
    for _ in 0..rows {
        let numbers = if is_polygon { 2 * rng.usize(3..7) } else { 4 };
        text += &rng.usize(..3).to_string();
        for _ in 0..numbers {
            text.push(if once_in(rng, 20) { '\t' } else { ' ' });
            match is_odd && once_in(rng, 10) {
                true => text += one_of(rng, &NUMBER_TEXTS),
                false => text += &format!("{:.4}", rng.f64()),
            }
        }
        text += if once_in(rng, 10) { "\r\n" } else { "\n" };
    }
    let mut bytes = text.into_bytes();
    damage(rng, &mut bytes, &TOKENS);
    bytes
}
