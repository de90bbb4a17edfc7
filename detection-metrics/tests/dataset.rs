//! Data sets as they lie on disks: ultralytics' files with their variants, COCO's annotations, what is wrong with them.
#![allow(clippy::unwrap_used, reason = "in a test, what should not fail may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use detection_metrics::coco::{Annotations, CATEGORY_IDS, ImageId, Prediction, read_predictions, write_predictions};
use detection_metrics::{Bounds, Dataset, Detection, Evaluator, Label, Note, Split};
use tempfile::TempDir;

/// A folder with these files; what is in a picture's file does not matter here.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn open(folder: &TempDir) -> Result<Dataset, String> {
    let path = folder.path().join("data.yaml");
    let without_folder = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    Dataset::from_yaml(&path, Split::Val).map_err(|error| without_folder(line(error)))
}

/// The line that a program prints of an error: its text and those of its sources.
fn line(error: detection_metrics::Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn names(dataset: &Dataset) -> Vec<&str> {
    let images = dataset.samples.iter().map(|sample| &sample.image);
    images.map(|image| image.file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn a_folder_of_pictures_finds_its_labels_in_the_folder_beside() {
    let folder = folder(&[
        ("data.yaml", "val: images/val\nnames: [cat, dog]\n"),
        ("images/val/b.jpg", ""),
        ("images/val/deep/a.PNG", ""),
        ("images/val/notes.md", ""),
        ("labels/val/b.txt", "1 0.5 0.5 0.5 0.5\n"),
    ]);
    let dataset = open(&folder).unwrap();
    assert_eq!(dataset.class_names, ["cat", "dog"]);
    assert_eq!(names(&dataset), ["b.jpg", "a.PNG"]);
    let label = Label { class: 1, bounds: Bounds { x1: 0.25, y1: 0.25, x2: 0.75, y2: 0.75 } };
    assert_eq!(dataset.samples[0].labels, [label]);
    assert_eq!(dataset.samples[1].labels, []);
}

#[test]
fn a_list_names_pictures_relative_to_itself() {
    let folder = folder(&[
        ("data.yaml", "path: .\nval: [lists/one.txt, more]\nnc: 1\n"),
        ("lists/one.txt", "./images/1.jpg\n\nimages/2.jpg\n"),
        ("lists/labels/2.txt", "0 .5 .5 .1 .1"),
        ("more/3.jpg", ""),
        ("more/3.txt", "0 .5 .5 .1 .1\n0 .4 .5 .1 .1"),
    ]);
    let dataset = open(&folder).unwrap();
    assert_eq!(dataset.class_names, ["class_0"]);
    assert_eq!(names(&dataset), ["1.jpg", "2.jpg", "3.jpg"]);
    let counts: Vec<usize> = dataset.samples.iter().map(|sample| sample.labels.len()).collect();
    assert_eq!(counts, [0, 1, 2]);
}

#[test]
fn a_list_names_pictures_relative_to_the_working_directory_or_else_to_itself() {
    // Tests run in the crate's folder, which has no pictures but this source; a picture is what ends like one.
    let here = TempDir::new_in(".").unwrap();
    fs::write(here.path().join("1.jpg"), "").unwrap();
    let relative = Path::new(here.path().file_name().unwrap()).join("1.jpg");
    let list = format!("\u{feff}{}\r\nbeside.jpg\r\n", relative.display());
    let folder =
        folder(&[("data.yaml", "val: lists/l.txt\nnc: 1\n"), ("lists/l.txt", &list), ("lists/beside.jpg", "")]);
    let images: Vec<PathBuf> = open(&folder).unwrap().samples.into_iter().map(|sample| sample.image).collect();
    // Sorted as texts: a dot comes before a slash.
    assert_eq!(images, [relative, folder.path().join("lists/beside.jpg")]);
}

#[test]
fn a_line_that_is_no_path_and_a_text_in_utf_16_are_named() {
    let long = format!("images/1.jpg\n{}\n", "x".repeat(5 << 20));
    let utf16: String = "a.jpg".chars().flat_map(|c| [c, '\0']).collect();
    for (list, expected) in [
        (long, "list.txt:2: expected a path of at most 4096 bytes, found 5242880"),
        (utf16, "list.txt: expected text in UTF-8, found UTF-16: save it again as UTF-8"),
    ] {
        let folder = folder(&[("data.yaml", "val: list.txt\nnc: 1\n"), ("list.txt", &list)]);
        assert_eq!(open(&folder).unwrap_err(), expected);
    }
}

#[test]
fn roboflows_paths_out_of_the_folder_are_looked_for_in_it() {
    let folder = folder(&[
        ("data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['a']\n"),
        ("valid/images/1.jpg", ""),
        ("valid/labels/1.txt", "0 .5 .5 .1 .1"),
    ]);
    let dataset = open(&folder).unwrap();
    assert_eq!((names(&dataset), dataset.samples[0].labels.len()), (vec!["1.jpg"], 1));
    // What is there is meant as it is written.
    let outer = TempDir::new().unwrap();
    for (name, content) in [("set/data.yaml", "val: ../valid\nnc: 1\n"), ("valid/a.jpg", ""), ("set/valid/b.jpg", "")] {
        fs::create_dir_all(outer.path().join(name).parent().unwrap()).unwrap();
        fs::write(outer.path().join(name), content).unwrap();
    }
    let dataset = Dataset::from_yaml(&outer.path().join("set/data.yaml"), Split::Val).unwrap();
    assert_eq!(names(&dataset), ["a.jpg"]);
}

#[cfg(unix)]
#[test]
fn links_in_circles_count_no_picture_twice_and_what_is_hidden_is_not_meant() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[
        ("data.yaml", "val: images\nnc: 1\n"),
        ("images/1.jpg", ""),
        ("images/deep/2.jpg", ""),
        ("images/._1.jpg", ""),
        ("images/.cache/3.jpg", ""),
        ("elsewhere/4.jpg", ""),
    ]);
    let images = folder.path().join("images");
    symlink(".", images.join("again")).unwrap();
    symlink("..", images.join("deep/up")).unwrap();
    symlink("../elsewhere", images.join("linked")).unwrap();
    assert_eq!(names(&open(&folder).unwrap()), ["1.jpg", "2.jpg", "4.jpg"]);
}

#[test]
fn labels_that_are_nowhere_are_said_with_the_place() {
    let upper = folder(&[
        ("data.yaml", "val: Images\nnc: 1\n"),
        ("Images/1.jpg", ""),
        ("Images/2.jpg", ""),
        ("Labels/1.txt", "0 .5 .5 .1 .1"),
    ]);
    let note = open(&upper).unwrap().notes[0].to_string();
    let place = upper.path().join("Images/1.txt");
    let expected = format!("no labels for any of the 2 pictures; those of the first one would be {}", place.display());
    assert_eq!(note, expected);
    // One label file, an empty one too, is a data set with backgrounds.
    let labelled = folder(&[("data.yaml", "val: images\nnc: 1\n"), ("images/1.jpg", ""), ("labels/1.txt", "")]);
    assert_eq!(open(&labelled).unwrap().notes, []);
}

/// Comparing each row with each other one would take minutes.
const ROWS: u32 = 200_000;

#[test]
fn very_many_rows_of_labels_are_read_and_measured() {
    let rows: String = (0..ROWS)
        .map(|row| format!("0 {:.6} {:.6} .001 .001\n", f64::from(row % 1000) / 1000.0, f64::from(row / 1000) / 1000.0))
        .collect();
    let folder = folder(&[("data.yaml", "val: images\nnc: 1\n"), ("images/1.jpg", ""), ("labels/1.txt", &rows)]);
    let dataset = open(&folder).unwrap();
    let labels = &dataset.samples[0].labels;
    assert_eq!(labels.len(), ROWS as usize);
    let found: Vec<Detection> =
        labels.iter().step_by(10_000).map(|label| Detection { class: 0, score: 0.5, bounds: label.bounds }).collect();
    let mut evaluator = Evaluator::new(1, 0.25).unwrap();
    evaluator.add(&found, labels).unwrap();
    let evaluation = evaluator.finish();
    assert_eq!((evaluation.labels, evaluation.mean.precision, evaluation.mean.recall), (ROWS as usize, 1.0, 0.0001));
}

#[test]
fn nothing_to_measure_gives_zeros_without_a_sign() {
    let mean = Evaluator::new(3, 0.25).unwrap().finish().mean;
    for figure in [mean.precision, mean.recall, mean.f1, mean.ap50, mean.ap75, mean.ap50_95] {
        assert_eq!(figure.to_bits(), 0.0_f64.to_bits());
    }
    let error = Evaluator::new(1 << 40, 0.25).unwrap_err();
    assert_eq!(error.to_string(), "classes: expected at most 10000, found 1099511627776");
}

#[test]
fn swapped_names_are_said() {
    let [dataset, detector] = [["cat", "dog", "cow"], ["dog", "cat", "cow"]].map(|names| names.map(str::to_owned));
    let note = Note::other_names(&dataset, &detector).unwrap().to_string();
    let expected =
        "2 classes have other names than in the weights: class 0 is \"cat\" here, \"dog\" there; numbers decide";
    assert_eq!(note, expected);
    assert_eq!(Note::other_names(&dataset, &dataset), None);
}

#[test]
fn classes_count_from_1_in_result_files_except_in_cocos_own_lists() {
    for (list, first_and_last) in [("coco/val2017.txt", [1, 90]), ("mine/val2017.txt", [1, 80])] {
        let folder = folder(&[("data.yaml", &format!("val: {list}\nnc: 80\n")), (list, "images/1.jpg\n")]);
        let ids = open(&folder).unwrap().category_ids;
        assert_eq!([ids[0], ids[79]], first_and_last.map(Some));
    }
}

#[test]
fn a_class_is_called_what_the_file_says_even_if_yaml_has_a_meaning_for_it() {
    let folder = folder(&[
        ("data.yaml", "path: pictures\nvalidation: .\nnames:\n  0: no\n  2: 'two words'\n  1: 7\n"),
        ("pictures/1.jpg", ""),
    ]);
    assert_eq!(open(&folder).unwrap().class_names, ["no", "7", "two words"]);
}

#[test]
fn a_picture_with_broken_labels_is_left_out_and_reported() {
    let folder = folder(&[
        ("data.yaml", "val: images\nnames: [cat]\n"),
        ("images/1.jpg", ""),
        ("images/2.jpg", ""),
        ("labels/1.txt", "0 .5 .5 .1 .1\n0 .5 .5 .1\n"),
    ]);
    let dataset = open(&folder).unwrap();
    assert_eq!(names(&dataset), ["2.jpg"]);
    let [(image, error)] = &dataset.skipped[..] else { panic!("one picture is broken: {:?}", dataset.skipped) };
    assert!(image.ends_with("images/1.jpg"));
    let expected =
        r#"labels/1.txt:2: expected class cx cy width height, or class and three or more x y, found "0 .5 .5 .1""#;
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn what_is_wrong_with_a_data_set_is_said() {
    for (yaml, expected) in [
        ("names: [a]\ntrain: x\n", r#"data.yaml: no split "val", found train"#),
        ("names: [a]\n", r#"data.yaml: no split "val", found none"#),
        ("val: images\n", "data.yaml: class names: expected names or nc, found neither"),
        ("val: images\nnc: 3\nnames: [a]\n", "data.yaml: class names: expected 3 as nc says, found 1"),
        ("val: images\nnames: {0: a, 2: b}\n", "data.yaml: class names: expected class 1 next, found class 2"),
        ("val: empty\nnames: [a]\n", "empty: no pictures found in it"),
        ("val: nowhere\nnames: [a]\n", "nowhere: cannot read: No such file or directory (os error 2)"),
        ("val: images\nnc: 1000000000000\n", "data.yaml: class names: expected at most 10000, found 1000000000000"),
    ] {
        let folder = folder(&[("data.yaml", yaml), ("images/1.jpg", ""), ("empty/readme.txt", "")]);
        assert_eq!(open(&folder).unwrap_err(), expected);
    }
    let folder = folder(&[("data.yaml", "val: [\n")]);
    let error = open(&folder).unwrap_err();
    assert!(error.starts_with("data.yaml: not a data set file: "), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

const ANNOTATIONS: &str = r#"{
    "images": [{"id": 9, "file_name": "9.jpg", "height": 100, "width": 200}, {"id": 4, "file_name": "4.jpg", "height": 1, "width": 1}],
    "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 9, "category_id": 18, "bbox": [50, 25, 100, 50], "area": 1000, "iscrowd": 0},
        {"id": 2, "image_id": 9, "category_id": 18, "bbox": [0, 0, 200, 100], "area": 9000, "iscrowd": 1},
        {"id": 3, "image_id": 9, "category_id": 17, "bbox": [0, 0, 10, 10]}
    ]
}"#;

#[test]
fn coco_annotations_become_labels_of_the_detectors_classes_without_crowds() {
    let folder = folder(&[("instances.json", ANNOTATIONS)]);
    let annotations = Annotations::open(&folder.path().join("instances.json")).unwrap();
    assert_eq!(annotations.annotations[2].area, 100.0);
    let class_names = ["bird", "dog"].map(str::to_owned);
    assert_eq!(annotations.category_ids(&class_names), [None, Some(18)]);
    let dataset = Dataset::from_coco(&annotations, Path::new("pictures"), &class_names);
    let [first, second] = &dataset.samples[..] else { panic!("there are two pictures") };
    assert_eq!((&first.image, &first.id), (&PathBuf::from("pictures/9.jpg"), &ImageId::Number(9)));
    let label = Label { class: 1, bounds: Bounds { x1: 0.25, y1: 0.25, x2: 0.75, y2: 0.75 } };
    assert_eq!(first.labels_in_shares([100, 200]), [label]);
    // The picture's own size decides, not what the file says of it.
    assert_eq!(first.labels_in_shares([200, 400])[0].bounds.x2, 0.375);
    assert_eq!(first.said_size, Some([100, 200]));
    assert_eq!(second.labels, []);
    let unknown = Note::UnknownToDetector { categories: vec!["cat".to_owned()], of: 2 };
    assert_eq!(dataset.notes, [unknown]);
}

#[test]
fn annotations_are_read_as_people_write_them() {
    let odd = r#"{
        "images": [{"id": 9.0, "file_name": "9.jpg"}, {"id": 4, "file_name": "4.jpg", "height": null, "width": 0}],
        "categories": [{"id": 1.0, "name": "cat"}, {"id": "2", "name": "Dog"}],
        "annotations": [
            {"image_id": 9, "category_id": 1.0, "bbox": [1, 2, 3, 4], "iscrowd": false, "area": null},
            {"image_id": 9.0, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": true},
            {"image_id": 9, "category_id": "2", "bbox": [1, 2, 3, 4], "iscrowd": null},
            {"image_id": 4, "category_id": 1, "bbox": []},
            {"image_id": 4, "category_id": 1},
            {"image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4]},
            {"image_id": 5, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4]}
        ]
    }"#;
    let folder = folder(&[("instances.json", &format!("\u{feff}{odd}"))]);
    let annotations = Annotations::open(&folder.path().join("instances.json")).unwrap();
    let crowds: Vec<bool> = annotations.annotations.iter().map(|annotation| annotation.crowd).collect();
    assert_eq!(crowds, [false, true, false, false, false, false]);
    let dataset = Dataset::from_coco(&annotations, Path::new("pictures"), &["cat", "dog"].map(str::to_owned));
    let found: Vec<_> = dataset.samples.iter().map(|sample| (&sample.id, sample.labels.len())).collect();
    assert_eq!(found, [(&ImageId::Number(9), 1), (&ImageId::Number(4), 0)]);
    assert_eq!(dataset.samples.iter().find_map(|sample| sample.said_size), None);
    let notes: Vec<String> = dataset.notes.iter().map(Note::to_string).collect();
    let expected = [
        "2 annotations without a bbox: left out",
        "2 annotations of categories that are not defined, 7 for one: left out",
        "2 annotations of pictures that are not listed, 5 for one: left out",
        r#"1 of 2 categories have no class in the weights: "Dog""#,
    ];
    assert_eq!(notes, expected);
}

#[test]
fn coco_numbers_its_80_categories_up_to_90() {
    assert_eq!(CATEGORY_IDS[0], 1);
    assert_eq!(CATEGORY_IDS[79], 90);
    assert!(CATEGORY_IDS.is_sorted_by(|a, b| a < b));
    let unused: Vec<u64> = (1..=90).filter(|id| !CATEGORY_IDS.contains(id)).collect();
    assert_eq!(unused, [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
}

#[test]
fn predictions_are_written_with_the_references_digits_and_read_back() {
    let bounds = Bounds { x1: 1.0, y1: 2.00049, x2: 4.1236, y2: 1234.5678 };
    let detection = Detection { class: 0, score: 0.123_456_7, bounds };
    let numbered = Path::new("somewhere/000000000139.jpg");
    let named = Path::new("0139a.png");
    let predictions = [numbered, named].map(|image| Prediction::new(image, ImageId::of(image), 18, &detection));
    let mut bytes = Vec::new();
    write_predictions(&mut bytes, &predictions).unwrap();
    let rest = r#""category_id":18,"bbox":[1.0,2.0,3.124,1232.567],"score":0.12346}"#;
    let expected = format!(
        r#"[{{"image_id":139,"file_name":"000000000139.jpg",{rest},{{"image_id":"0139a","file_name":"0139a.png",{rest}]"#
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let folder = folder(&[("predictions.json", &expected)]);
    assert_eq!(read_predictions(&folder.path().join("predictions.json")).unwrap(), predictions);
}

#[test]
fn files_that_are_not_coco_are_named() {
    let folder = folder(&[("a.json", "{}")]);
    let path = folder.path().join("a.json");
    let shown = path.display();
    let expected = format!("{shown}: not a COCO annotation file: missing field `images` at line 1 column 2");
    assert_eq!(Annotations::open(&path).unwrap_err().to_string(), expected);
    let expected =
        format!("{shown}: not a COCO result file: invalid type: map, expected a sequence at line 1 column 0");
    assert_eq!(read_predictions(&path).unwrap_err().to_string(), expected);
}

#[test]
fn a_prediction_for_a_strange_picture_is_an_error() {
    let annotations: Annotations = serde_json::from_str(ANNOTATIONS).unwrap();
    let image_id = ImageId::Name("9a".to_owned());
    let stray = Prediction { image_id, file_name: None, category_id: 17, bbox: [0.0; 4], score: 1.0 };
    let error = detection_metrics::coco::evaluate(&annotations, &[stray]).unwrap_err();
    assert_eq!(error.to_string(), r#"prediction for image "9a": the annotations have no such image"#);
}
