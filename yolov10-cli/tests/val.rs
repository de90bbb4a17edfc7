//! What `val` promises: figures, files, failures, exit codes.

mod support;

use serde_json::Value;
use support::{Said, Workplace};

/// Without names: the weights' own 80 are shown.
const DATA: &str = "val: images\nnc: 80\n";
/// Input sides that keep the tests fast where figures do not matter.
const FAST: [&str; 2] = ["--imgsz", "64"];

fn val(place: &Workplace, words: &[&str]) -> Said {
    place.run(&[&["val", "--data", "data.yaml"], words].concat())
}

/// The street scene, labelled with what the demo weights find in it.
fn found_street(place: &Workplace) {
    place.street("images/street.jpg");
    place.file("data.yaml", DATA.as_bytes());
    let said = place.run(&["run", "images/street.jpg", "--no-save", "--save-txt", "--name", "found"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    place.file("labels/street.txt", place.text("runs/detect/found/labels/street.txt").as_bytes());
}

fn figure(json: &Value, name: &str) -> f64 {
    json["mean"][name].as_f64().expect(name)
}

#[test]
fn a_detector_measured_on_what_it_finds_itself_is_good() {
    let place = Workplace::new();
    found_street(&place);
    let said = val(&place, &["--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let [json] = &said.json()[..] else { panic!("{said:?}") };
    // Another border than `run` has moves boxes and scores a little, and conf 0.001 adds false alarms.
    assert!(figure(json, "ap50") > 0.9 && figure(json, "ap50_95") > 0.7, "{json}");
    assert_eq!((&json["images"], &json["broken"]), (&1.into(), &0.into()));
    let first = &json["classes"][0];
    assert_eq!((&first["class"], &first["name"]), (&0.into(), &"person".into()));
    assert_eq!(place.files("runs"), ["detect/found/labels/street.txt"]);
}

#[test]
fn the_table_has_the_columns_that_ultralytics_users_know() {
    let place = Workplace::new();
    found_street(&place);
    let said = val(&place, &["--quiet"]);
    let lines: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["Class", "Images", "Instances", "Box(P", "R", "mAP50", "mAP50-95)"]);
    assert_eq!(lines[1][..2], ["all", "1"]);
    assert_eq!(lines[1].len(), 7);
    assert_eq!(lines[2][0], "Speed:");
    assert_eq!(lines.len(), 3);
    assert!(said.stderr.contains("built-in yolov10n-demo"), "{said:?}");
}

#[test]
fn predictions_and_plots_are_written_under_the_names_of_ultralytics() {
    let place = Workplace::new();
    found_street(&place);
    let said = val(&place, &["--save-json", "--plots"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.ends_with("Results saved to runs/detect/val\n"), "{said:?}");
    let files = [
        "BoxF1_curve.png",
        "BoxPR_curve.png",
        "BoxP_curve.png",
        "BoxR_curve.png",
        "confusion_matrix.png",
        "confusion_matrix_normalized.png",
        "predictions.json",
    ];
    assert_eq!(place.files("runs/detect/val"), files);
    image::open(place.path("runs/detect/val/BoxPR_curve.png")).expect("a whole picture");
    let predictions: Value = serde_json::from_str(&place.text("runs/detect/val/predictions.json")).expect("JSON");
    let first = &predictions[0];
    assert_eq!((&first["image_id"], &first["file_name"]), (&"street".into(), &"street.jpg".into()));
    assert_eq!(first["bbox"].as_array().map(Vec::len), Some(4));
}

#[test]
fn coco_annotations_add_cocos_figures() {
    let place = Workplace::new();
    place.street("pictures/street.jpg");
    place.street("annotations/street.jpg");
    let annotations = r#"{"images": [{"id": 1, "file_name": "street.jpg", "height": 896, "width": 1280}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}]}"#;
    place.file("annotations/instances.json", annotations.as_bytes());
    let said = place.run(&["val", "--data", "annotations/instances.json", "--images", "pictures", FAST[0], FAST[1]]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = " Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.000";
    assert!(said.stdout.contains(line), "{said:?}");
    let line = " Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000";
    assert!(said.stdout.contains(line), "{said:?}");
}

#[test]
fn what_is_broken_is_reported_counted_and_left_out() {
    let place = Workplace::new();
    place.file("data.yaml", DATA.as_bytes());
    place.grey("images/sound.png");
    place.grey("images/mislabelled.png");
    place.file("labels/mislabelled.txt", b"0 0.5 0.5\n");
    place.file("images/broken.png", b"not a picture");
    let said = val(&place, &[FAST[0], FAST[1], "--json"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let [json] = &said.json()[..] else { panic!("{said:?}") };
    assert_eq!((&json["images"], &json["broken"]), (&1.into(), &2.into()));
    assert!(said.stderr.contains(r#"labels/mislabelled.txt:1: expected class cx cy"#), "{said:?}");
    assert!(said.stderr.contains("images/broken.png: "), "{said:?}");
}

#[test]
fn a_data_set_of_other_classes_than_the_weights_is_an_error() {
    let place = Workplace::new();
    place.grey("images/grey.png");
    place.file("data.yaml", b"val: images\nnames: [cat, dog]\n");
    let said = val(&place, &[]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.ends_with("error: data.yaml: 2 classes, the weights have 80\n"), "{said:?}");
}

#[test]
fn without_rect_every_picture_gets_the_same_square() {
    let place = Workplace::new();
    found_street(&place);
    let [rect, square] = [&["--json"][..], &["--json", "--no-rect"]].map(|words| val(&place, words));
    let [rect, square] = [&rect.json()[0]["mean"], &square.json()[0]["mean"]].map(Value::clone);
    assert_ne!(rect, square);
    assert!(square["ap50"].as_f64().expect("a number") > 0.9, "{square}");
}
