//! Compares detections with those of the PyTorch reference.
//!
//! `cargo run --release --example agreement -- WEIGHTS IMAGES EXPECTED.json MIN_SCORE`
//!
//! EXPECTED is the output of a `reference.py`: the detections of each picture by name. A detection of the reference with
//! a score above MIN_SCORE must have a match: same class, IoU > 0.99 and a score within 0.002. A detection of ours with a
//! score above MIN_SCORE (plus 0.002, so that a score on the edge does not count) that matches none of the reference is
//! an extra. Prints every disagreement and the totals; exits with 1 if there is any.

#![expect(clippy::print_stdout, reason = "what it finds goes to the terminal")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use yolov10_model::selection::{Assignment, Suppression};
use yolov10_model::{Detection, Detector, Options, Rect, Selection, Weights, open_picture};

const IOU: f32 = 0.99;
const SCORE_TOLERANCE: f32 = 0.002;
/// Lowest score in the reference's files.
const RECORDED: f32 = 0.005;

#[derive(Deserialize)]
struct Reference {
    head: Head,
    images: BTreeMap<String, Picture>,
}

/// One of the two heads; the second one with NMS at IoU 0.7.
#[derive(Deserialize)]
enum Head {
    #[serde(rename = "one2one")]
    OneToOne,
    #[serde(rename = "one2many+nms")]
    OneToMany,
}

#[derive(Deserialize)]
struct Picture {
    detections: Vec<Expected>,
}

#[derive(Clone, Copy, Deserialize)]
struct Expected {
    #[serde(rename = "box")]
    corners: [f32; 4],
    score: f32,
    class: usize,
}

impl Expected {
    fn matches(&self, found: &Detection) -> bool {
        let [x1, y1, x2, y2] = self.corners;
        self.class == found.class
            && Rect { x1, y1, x2, y2 }.iou(&found.rect) > IOU
            && (self.score - found.score).abs() <= SCORE_TOLERANCE
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, expected, min_score] = arguments.as_slice() else {
        eprintln!("usage: agreement WEIGHTS IMAGES EXPECTED.json MIN_SCORE");
        return ExitCode::from(2);
    };
    let min_score: f32 = min_score.parse().expect("MIN_SCORE is a number");
    let json = std::fs::read(expected).expect("EXPECTED can be read");
    let reference: Reference = serde_json::from_slice(&json).expect("EXPECTED is a reference file");
    let assignment = match reference.head {
        Head::OneToOne => Assignment::OneToOne,
        Head::OneToMany => Assignment::OneToMany(Suppression::default()),
    };
    let both_heads = weights_convert::Options::default();
    let converted = weights_convert::convert(Path::new(weights), &both_heads).expect("WEIGHTS is a checkpoint");
    let weights = Arc::new(Weights::from_bytes(&converted.bytes).expect("it was just converted"));
    let selection = Selection { confidence: RECORDED, assignment, ..Selection::default() };
    let options = Options { selection, ..Options::default() };
    let mut detector = Detector::new(&weights, &options).expect("it is a YOLOv10");

    let (mut expected, mut missed, mut extra) = (0, 0, 0);
    for (name, picture) in &reference.images {
        let Some(path) = find(Path::new(images), name) else {
            continue;
        };
        let found = detector.detect(&open_picture(&path).expect("IMAGES are pictures")).expect("the CPU is there");
        for wanted in picture.detections.iter().filter(|wanted| wanted.score > min_score) {
            expected += 1;
            if !found.iter().any(|found| wanted.matches(found)) {
                missed += 1;
                println!("{name}: missed class {} score {} at {:?}", wanted.class, wanted.score, wanted.corners);
            }
        }
        for found in found.iter().filter(|found| found.score > min_score + SCORE_TOLERANCE) {
            if !picture.detections.iter().any(|wanted| wanted.matches(found)) {
                extra += 1;
                println!("{name}: extra class {} score {} at {:?}", found.class, found.score, found.rect);
            }
        }
    }
    println!("{expected} expected, {missed} missed, {extra} extra");
    ExitCode::from(u8::from(missed + extra > 0))
}

/// The picture with this name, or with the same stem and another extension.
fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    let path = folder.join(name);
    [path.with_extension("png"), path].into_iter().find(|path| path.exists())
}
