//! `--head one2many` from weight file to boxes, against the reference: `one_to_many/reference.py` made what is
//! expected, and cut the head out of the demo's checkpoint; the rest of the network is the asset.

mod support;

use std::collections::HashMap;

use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::Value;
use support::{Said, Workplace};
use yolov10_model::Rect;

const DEMO: &[u8] = include_bytes!("../../assets/yolov10n-demo.safetensors");
const HEAD: &[u8] = include_bytes!("one_to_many/head.safetensors");
const EXPECTED: &str = include_str!("one_to_many/expected.json");
/// Lowest score that the reference's results hold.
const RECORDED: &str = "0.05";
/// The asset's weights are rounded to half precision, the reference's are not: scores are off by 0.0006 at most, and
/// boxes by an IoU of 0.9997 at least.
const SCORE_TOLERANCE: f32 = 0.002;
const LEAST_IOU: f32 = 0.999;

/// What the reference finds with one choice of NMS.
#[derive(Deserialize)]
struct Choice {
    iou: f32,
    agnostic: bool,
    detections: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "box")]
    corners: [f32; 4],
    score: f32,
    class: usize,
}

impl Found {
    fn is_like(&self, other: &Self) -> bool {
        let [this, that] = [self, other].map(|found| {
            let [x1, y1, x2, y2] = found.corners;
            Rect { x1, y1, x2, y2 }
        });
        self.class == other.class && this.iou(&that) > LEAST_IOU && (self.score - other.score).abs() < SCORE_TOLERANCE
    }
}

/// The demo's weight file with both heads.
fn both_heads() -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(DEMO).expect("a safetensors file");
    let metadata: Option<HashMap<String, String>> = header.metadata().clone();
    let [demo, head] = [DEMO, HEAD].map(|file| SafeTensors::deserialize(file).expect("a safetensors file"));
    let tensors = demo.iter().chain(head.iter());
    safetensors::serialize(tensors, metadata).expect("no name is in both files")
}

fn searched(place: &Workplace, words: &[&str]) -> Said {
    let command = ["run", "street.jpg", "--weights", "both.safetensors", "--no-save", "--json", "--conf", RECORDED];
    place.run(&[&command[..], words].concat())
}

#[test]
fn the_one_to_many_head_finds_what_the_reference_finds_with_it() {
    let place = Workplace::new();
    place.street("street.jpg");
    place.file("both.safetensors", &both_heads());
    let choices: Vec<Choice> = serde_json::from_str(EXPECTED).expect("the script's form");
    let mut counts = Vec::new();
    for choice in &choices {
        let iou = choice.iou.to_string();
        let mut words = vec!["--head", "one2many", "--iou", &iou];
        words.extend(choice.agnostic.then_some("--agnostic-nms"));
        let said = searched(&place, &words);
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
        let found: Vec<Found> = serde_json::from_value(said.json()[0]["detections"].clone()).expect("detections");
        assert_eq!(found.len(), choice.detections.len(), "{words:?}");
        for wanted in &choice.detections {
            assert!(
                found.iter().any(|found| found.is_like(wanted)),
                "{words:?}: class {} score {} at {:?} is missing",
                wanted.class,
                wanted.score,
                wanted.corners
            );
        }
        counts.push(found.len());
    }
    // The choices make a difference, so ignoring one would be noticed.
    assert_eq!(counts, [9, 27, 8]);
}

#[test]
fn an_iou_for_the_one_to_one_head_is_noted_and_changes_nothing() {
    let place = Workplace::new();
    place.street("street.jpg");
    place.file("both.safetensors", &both_heads());
    let detections = |said: &Said| -> Value { said.json()[0]["detections"].clone() };
    let plain = searched(&place, &[]);
    let said = searched(&place, &["--head", "one2one", "--iou", "0.1"]);
    assert_eq!(said.stderr, "note: --iou has no effect: the one-to-one head needs no suppression of overlaps\n");
    assert_eq!(detections(&said), detections(&plain));
}
