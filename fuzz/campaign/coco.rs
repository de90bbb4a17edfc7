//! COCO's annotation and result files, and the figures computed from them.

use std::path::Path;

use detection_metrics::Dataset;
use detection_metrics::coco::{Annotations, Prediction, evaluate, read_predictions};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::damage::{NAMES, damage, once_in, one_of};
use crate::place::Place;
use crate::target::Target;

/// Tokens of the format.
const TOKENS: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "1e400",
    "-",
    "\"id\":",
    "\"bbox\":",
    "\"images\":",
    "\"annotations\":",
    "\"categories\":",
    "\"iscrowd\":",
    "\"file_name\":",
    "\\u0000",
    "\\ud800",
    "NaN",
    "[[[[[[[[",
];

/// An annotation of 40 bytes takes about 200, and a row of overlaps with the detections of its picture.
fn budget(length: usize) -> usize {
    (32 << 20) + 64 * length
}

pub fn target() -> Target {
    let place = Place::new(&[]);
    Target {
        budget,
        make: Box::new(make),
        read: Box::new(move |json| {
            let path = place.write("annotations.json", &json);
            let class_names = ["cat", "dog"].map(str::to_owned);
            let predictions = read_predictions(&path);
            let Ok(annotations) = Annotations::open(&path) else { return predictions.is_ok() };
            let dataset = Dataset::from_coco(&annotations, Path::new("images"), &class_names);
            let shares: usize = dataset.samples.iter().map(|sample| sample.labels_in_shares([480, 0]).len()).sum();
            let notes: Vec<String> = dataset.notes.iter().map(ToString::to_string).collect();
            assert!(notes.iter().all(|note| !note.contains('\n')), "a note is one line");
            // Predictions that equal the annotations.
            let found = |annotation: &detection_metrics::coco::Annotation| Prediction {
                image_id: annotation.image_id.clone(),
                file_name: None,
                category_id: annotation.category_id,
                bbox: annotation.bbox,
                score: 0.5,
            };
            let found: Vec<Prediction> = annotations.annotations.iter().map(found).collect();
            let figures = evaluate(&annotations, &found);
            figures.is_ok() && shares > 0
        }),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    let value = match rng.usize(..10) {
        0 => results(rng),
        1 => odd(rng),
        _ => annotations(rng),
    };
    let mut bytes = value.to_string().into_bytes();
    if once_in(rng, 20) {
        bytes.splice(0..0, "\u{feff}".bytes());
    }
    if once_in(rng, 50) {
        let deep = [100, 100_000][rng.usize(..2)];
        bytes = [b"{\"images\":".to_vec(), b"[".repeat(deep), bytes].concat();
    }
    if once_in(rng, 2) {
        damage(rng, &mut bytes, &TOKENS);
    }
    bytes
}

fn annotations(rng: &mut Rng) -> Value {
    let (images, things) = if once_in(rng, 100) { (50, 2_000) } else { (rng.usize(..4), rng.usize(..8)) };
    let image = |rng: &mut Rng, id: usize| {
        json!({
            "id": maybe_odd(json!(id), rng), "file_name": maybe_odd(json!(format!("{id}.jpg")), rng),
            "height": maybe_odd(json!(480), rng), "width": maybe_odd(json!(640), rng),
        })
    };
    let thing = |rng: &mut Rng| {
        let bbox: Vec<Value> = (0..4).map(|_| maybe_odd(json!(rng.f64() * 300.0), rng)).collect();
        let mut thing = json!({
            "image_id": maybe_odd(json!(rng.usize(..images.max(1))), rng),
            "category_id": maybe_odd(json!(rng.usize(1..4)), rng),
            "bbox": maybe_odd(json!(bbox), rng), "area": maybe_odd(json!(rng.f64() * 2e4), rng),
            "iscrowd": maybe_odd(json!(u8::from(once_in(rng, 8))), rng),
        });
        if once_in(rng, 10) {
            let key = one_of(rng, &["bbox", "area", "iscrowd", "image_id", "category_id"]);
            thing.as_object_mut().expect("it is one").remove(key);
        }
        thing
    };
    let category = |rng: &mut Rng, id: usize, name: &str| json!({"id": maybe_odd(json!(id), rng), "name": name});
    let names = ["cat", "dog", one_of(rng, &NAMES)];
    let mut file = json!({
        "images": (0..images).map(|id| image(rng, id)).collect::<Vec<_>>(),
        "annotations": (0..things).map(|_| thing(rng)).collect::<Vec<_>>(),
        "categories": names.iter().zip(1..).map(|(name, id)| category(rng, id, name)).collect::<Vec<_>>(),
    });
    if once_in(rng, 10) {
        let key = one_of(rng, &["images", "annotations", "categories"]);
        file[key] = odd(rng);
    }
    file
}

fn results(rng: &mut Rng) -> Value {
    let result = |rng: &mut Rng| {
        json!({
            "image_id": maybe_odd(json!(1), rng), "category_id": maybe_odd(json!(1), rng),
            "bbox": [maybe_odd(json!(1), rng), 2, 3, 4], "score": maybe_odd(json!(0.5), rng),
        })
    };
    json!((0..rng.usize(..5)).map(|_| result(rng)).collect::<Vec<_>>())
}

/// The value, or one time in forty another one.
fn maybe_odd(value: Value, rng: &mut Rng) -> Value {
    if once_in(rng, 40) { odd(rng) } else { value }
}

fn odd(rng: &mut Rng) -> Value {
    match rng.usize(..14) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1.5),
        5 => json!(3.0),
        6 => json!(1e308),
        7 => json!(-1e308),
        8 => json!([]),
        9 => json!({}),
        10 => json!("7"),
        11 => json!([1, 2, 3, 4, 5]),
        12 => json!("x".repeat(5000)),
        _ => json!(one_of(rng, &NAMES)),
    }
}
