//! What `run` promises: results, files, failures, exit codes.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;
use support::{Said, Workplace};

/// The smallest input: where what is found does not matter, this is fast.
const FAST: [&str; 2] = ["--imgsz", "32"];

#[test]
fn without_arguments_it_searches_the_built_in_picture_and_says_so() {
    let place = Workplace::new();
    let said = place.run(&["run"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines = said.timeless();
    assert!(lines[0].starts_with("image 1/1 street.jpg: 448x640 1 person, "), "{lines:?}");
    assert!(lines[0].contains("2 birds") && lines[0].ends_with(", _ms"), "{lines:?}");
    assert_eq!(lines[1], "Speed: _ms preprocess, _ms inference, _ms postprocess per image at shape (1, 3, 448, 640)");
    assert_eq!(lines[2], "Results saved to runs/detect/predict");
    assert_eq!(lines.len(), 3);
    assert!(said.stderr.contains("built-in yolov10n-demo") && said.stderr.contains("--weights"), "{said:?}");
    assert_eq!(place.files("."), ["runs/detect/predict/street.jpg"]);
    let annotated = image::open(place.path("runs/detect/predict/street.jpg")).expect("a whole picture");
    assert_eq!((annotated.width(), annotated.height()), (1280, 896));
}

#[test]
fn a_json_line_has_the_documented_fields_and_the_best_comes_first() {
    let place = Workplace::new();
    place.street("in/street.jpg");
    let said = place.run(&["run", "in/street.jpg", "--json", "--no-save"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let [line] = &said.json()[..] else { panic!("{said:?}") };
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    // serde_json sorts keys when it reads: the order is looked at in the text below.
    assert_eq!(keys(line), ["detections", "height", "image", "ms", "width"]);
    assert_eq!(keys(&line["ms"]), ["inference", "postprocess", "preprocess"]);
    assert_eq!(line["image"], "in/street.jpg");
    assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(1280), Some(896)));
    assert!(said.stdout.starts_with(
        r#"{"image":"in/street.jpg","width":1280,"height":896,"detections":[{"class":14,"name":"bird","score":0.98"#
    ));
    let detections = line["detections"].as_array().expect("a list");
    let scores: Vec<f64> = detections.iter().map(|found| found["score"].as_f64().expect("a number")).collect();
    assert!(scores.len() > 5 && scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| *score > 0.25));
    // The reference's first box; the tolerance is for JPEG decoders, which differ by a level or two.
    let expected = [1058.9, 132.8, 1174.8, 182.6];
    for (found, expected) in detections[0]["box"].as_array().expect("a box").iter().zip(expected) {
        assert!((found.as_f64().expect("pixels") - expected).abs() < 1.0, "{detections:?}");
    }
    assert!(place.files("runs").is_empty());
}

#[test]
fn a_wrong_file_among_many_is_reported_and_the_others_go_on() {
    let place = Workplace::new();
    place.grey("first.png");
    place.file("broken.jpg", b"no picture at all");
    place.grey("last.png");
    let words = ["run", "first.png", "broken.jpg", "missing.jpg", "last.png", "--json"];
    let said = place.run(&[&words[..], &FAST].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    let lines = said.json();
    let images: Vec<&str> = lines.iter().map(|line| line["image"].as_str().expect("a name")).collect();
    assert_eq!(images, words[1..5]);
    assert_eq!(lines.iter().map(|line| line.get("error").is_some()).collect::<Vec<_>>(), [false, true, true, false]);
    assert_eq!(lines[2]["error"], "no such file or folder");
    let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors[0].starts_with("error: broken.jpg: not a picture that can be read: "), "{errors:?}");
    assert_eq!(errors[1..], ["error: missing.jpg: no such file or folder"]);
    assert_eq!(place.files("runs/detect/predict"), ["first.png", "last.png"]);
}

#[test]
fn nothing_found_is_an_exit_code_only_if_asked_for() {
    let place = Workplace::new();
    place.grey("grey.png");
    let said = place.run(&["run", "grey.png", "--no-save"]);
    assert_eq!((said.code, said.timeless()[0].as_str()), (Some(0), "image 1/1 grey.png: 448x640 (no detections), _ms"));
    assert_eq!(place.run(&["run", "grey.png", "--no-save", "--fail-empty"]).code, Some(1));
}

#[test]
fn every_run_gets_a_folder_of_its_own_unless_told_otherwise() {
    let place = Workplace::new();
    place.grey("grey.png");
    for folder in ["predict", "predict2", "predict3"] {
        let said = place.run(&[&["run", "grey.png"][..], &FAST].concat());
        assert!(said.stdout.ends_with(&format!("Results saved to runs/detect/{folder}\n")), "{said:?}");
    }
    let said = place.run(&[&["predict", "grey.png", "project=here", "name=it", "exist_ok=True"][..], &FAST].concat());
    assert!(said.stdout.ends_with("Results saved to here/it\n"), "{said:?}");
    let said =
        place.run(&[&["run", "grey.png", "--project", "here", "--name", "it", "--exist-ok"][..], &FAST].concat());
    assert!(said.stdout.ends_with("Results saved to here/it\n"), "{said:?}");
    assert_eq!(place.files("here"), ["it/grey.png"]);
}

#[test]
fn a_run_in_which_all_fails_leaves_no_folder() {
    let place = Workplace::new();
    assert_eq!(place.run(&["run", "missing.jpg"]).code, Some(2));
    assert_eq!(place.run(&["run", "missing.jpg", "--weights", "missing.pt"]).code, Some(2));
    let is_unchanged = |words: &[&str]| {
        let place = Workplace::new();
        place.file("no picture.jpg", b"");
        place.file("kept/a.txt", b"");
        let said = place.run(&[&["run", "no picture.jpg"], words].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        let mut left: Vec<String> = std::fs::read_dir(place.path("."))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        left.sort();
        assert_eq!(left, ["kept", "no picture.jpg"], "{words:?}");
        assert_eq!(place.files("kept"), ["a.txt"], "{words:?}");
    };
    is_unchanged(&["--save-txt"]);
    is_unchanged(&["--exist-ok"]);
    is_unchanged(&["--project", "new/deep", "--name", "er/still"]);
    is_unchanged(&["--project", "kept", "--name", "new"]);
    is_unchanged(&["--name", &"x".repeat(300)]);
    assert!(!place.path("runs").exists());
}

#[test]
fn pictures_of_one_name_do_not_overwrite_each_other() {
    let place = Workplace::new();
    place.street("a/bus.jpg");
    place.grey("b/bus.jpg");
    place.grey("b/bus.png");
    let said = place.run(&["run", "a/bus.jpg", "b/bus.jpg", "b/bus.png", "--save-txt"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.ends_with("1 label saved to runs/detect/predict/labels\n"), "{said:?}");
    assert_eq!(place.files("runs/detect/predict"), ["bus-2.jpg", "bus-3.png", "bus.jpg", "labels/bus.txt"]);
}

#[test]
fn sources_keep_their_order_and_folders_are_sorted() {
    let place = Workplace::new();
    for name in ["folder/b.png", "folder/a.png", "folder/below/c.png", "z.png", "y.png"] {
        place.grey(name);
    }
    place.file("folder/notes.txt", b"not a picture");
    place.file("list.txt", b"# two of them\n\nz.png\nfolder/b.png\n");
    place.file("folder/table.csv", b"label,image\n1,a.png\n0,b.png\n");
    let searched = |words: &[&str]| {
        let said = place.run(&[&["run", "--json", "--no-save"][..], &FAST, words].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        said.json().iter().map(|line| line["image"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(searched(&["z.png", "folder", "y.png"]), ["z.png", "folder/a.png", "folder/b.png", "y.png"]);
    assert_eq!(searched(&["folder", "--recursive"]), ["folder/a.png", "folder/b.png", "folder/below/c.png"]);
    assert_eq!(searched(&["?.png"]), ["y.png", "z.png"]);
    assert_eq!(searched(&["list.txt"]), ["z.png", "folder/b.png"]);
    assert_eq!(searched(&["folder/table.csv"]), ["folder/a.png", "folder/b.png"]);
}

#[test]
fn an_empty_folder_and_a_pattern_without_a_match_are_errors() {
    let place = Workplace::new();
    place.file("folder/notes.md", b"no picture");
    for (source, error) in [
        (
            "folder",
            "error: folder: no picture or video in this folder, expected files ending in avif, bmp, gif, jfif, ",
        ),
        ("*.jpg", "error: *.jpg: no file matches this pattern"),
    ] {
        let said = place.run(&["run", source, "--quiet"]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
        assert!(said.stderr.starts_with(error), "{said:?}");
    }
}

#[test]
fn stdin_is_a_picture_or_a_list() {
    let place = Workplace::new();
    place.street("street.jpg");
    let given = |bytes: &[u8]| place.given(&[&["run", "-", "--json", "--no-save"][..], &FAST].concat(), bytes);
    let picture = given(&std::fs::read(place.path("street.jpg")).expect("a file"));
    assert_eq!((picture.code, &picture.json()[0]["image"]), (Some(0), &Value::from("-")));
    let list = given(b"street.jpg\nstreet.jpg\n");
    assert_eq!((list.code, list.json().len()), (Some(0), 2));
    assert_eq!(list.json()[0]["image"], "street.jpg");
    assert_eq!(given(b"\xff\xfe\x00").code, Some(2));
}

#[test]
fn an_animation_is_searched_frame_by_frame() {
    let place = Workplace::new();
    let frame =
        |level| image::Frame::new(image::RgbaImage::from_pixel(40, 30, image::Rgba([level, level, level, 255])));
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    encoder.encode_frames([frame(0), frame(100), frame(200)]).expect("a GIF");
    drop(encoder);
    place.file("moving.gif", &bytes);
    let said = place.run(&[&["run", "moving.gif", "--json", "--no-save"][..], &FAST].concat());
    let frames: Vec<u64> = said.json().iter().map(|line| line["frame"].as_u64().expect("a number")).collect();
    assert_eq!((said.code, frames), (Some(0), vec![1, 2, 3]));
    // The same over stdin, whose film is a GIF, too; frames keep their numbers where some are left out.
    let words = [&["run", "-", "--json", "--vid-stride", "2"][..], &FAST].concat();
    let said = place.given(&words, &bytes);
    let frames: Vec<u64> = said.json().iter().map(|line| line["frame"].as_u64().expect("a number")).collect();
    assert_eq!((said.code, frames), (Some(0), vec![1, 3]), "{said:?}");
    assert_eq!(place.files("runs/detect/predict"), ["stdin.gif"]);
    // What is cut off ends at its first error.
    place.file("cut.gif", &bytes[..bytes.len() - 30]);
    let said = place.run(&[&["run", "cut.gif", "--json", "--no-save"][..], &FAST].concat());
    let errors = said.json().iter().filter(|line| line["error"].is_string()).count();
    assert_eq!((said.code, errors), (Some(2), 1), "{said:?}");
}

#[test]
fn a_folder_says_what_it_passed_over_and_a_pattern_is_treated_like_one() {
    let place = Workplace::new();
    place.street("phone/1.jpg");
    place.street("phone/2.jfif");
    for name in ["._1.jpg", ".hidden.jpg", "3.HEIC", "4.heic", "labels.txt", "noext"] {
        place.file(&format!("phone/{name}"), b"\0\x05\x16\x07");
    }
    for source in ["phone", "phone/*", "**/*"] {
        let said = place.run(&[&["run", source, "--json", "--no-save"][..], &FAST].concat());
        let names: Vec<String> = said.json().iter().map(|line| line["image"].to_string()).collect();
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(names, ["\"phone/1.jpg\"", "\"phone/2.jfif\""], "{source}");
        let note = "note: skipped 4 files: 2 .heic, 1 .txt, 1 without an extension";
        assert!(said.stderr.lines().any(|line| line == note), "{said:?}");
    }
}

#[test]
fn a_picture_beyond_the_budget_is_refused_until_that_is_raised() {
    let place = Workplace::new();
    let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    head.extend([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 16, 8, 2, 0, 0, 0]);
    place.file("bomb.png", &head);
    place.grey("grey.png");
    let said = place.run(&[&["run", "bomb.png", "grey.png", "--json", "--no-save"][..], &FAST].concat());
    let error = said.json()[0]["error"].as_str().expect("an error").to_owned();
    assert!(
        error.starts_with("a picture of 16x2147483647: decoding it takes 103080 MB, expected at most 210"),
        "{error}"
    );
    assert!(said.json()[1]["error"].is_null(), "{said:?}");
    let wide = image::GrayImage::new(1500, 1000);
    wide.save(place.path("wide.png")).expect("a picture");
    for (millions, code) in [("1", Some(2)), ("2", Some(0))] {
        let said = place.run(&[&["run", "wide.png", "--no-save", "--max-pixels", millions][..], &FAST].concat());
        assert_eq!(said.code, code, "{said:?}");
    }
}

#[test]
fn batches_and_several_devices_change_no_byte_of_any_output() {
    let place = Workplace::new();
    let street = image::load_from_memory(support::STREET).expect("a picture");
    fs::create_dir(place.path("folder")).expect("a folder");
    for (name, width, height) in [
        ("a.jpg", 640, 448),
        ("b.png", 320, 448),
        ("d.jpg", 640, 448),
        ("e.png", 448, 320),
        ("f.jpg", 640, 200),
        ("g.jpg", 1280, 896),
        ("h.png", 64, 48),
    ] {
        let resized = street.resize_exact(width, height, image::imageops::FilterType::Triangle);
        let path = place.path("folder").join(name);
        resized.to_rgb8().save(path).expect("a picture");
    }
    place.file("folder/c.jpg", b"not a picture");
    let run = |batch: &str, device: &str| {
        let name = format!("{batch}-{device}");
        let words = [
            "run",
            "folder",
            "missing.jpg",
            "--save-txt",
            "--save-conf",
            "--save-crop",
            "--save-csv",
            "--save-json",
            "--json",
            "--name",
            &name,
            "--batch",
            batch,
            "--device",
            device,
        ];
        let said = place.run(&words);
        assert_eq!(said.code, Some(2), "one is broken, one is missing: {said:?}");
        let mut lines = said.json();
        for line in &mut lines {
            line.as_object_mut().expect("an object").remove("ms");
        }
        let folder = format!("runs/detect/{name}");
        let files = place.files(&folder).into_iter().map(|name| {
            let bytes = fs::read(place.path(&folder).join(&name)).expect("a file");
            (name, bytes)
        });
        (lines, said.stderr.replace(&folder, "FOLDER"), files.collect::<Vec<_>>())
    };
    let (lines, stderr, files) = run("1", "cpu");
    let names: Vec<&str> = lines.iter().filter_map(|line| line["image"].as_str()).collect();
    let expected = ["a.jpg", "b.png", "c.jpg", "d.jpg", "e.png", "f.jpg", "g.jpg", "h.png"];
    assert_eq!(names[..8], expected.map(|name| format!("folder/{name}")));
    assert!(lines[2]["error"].is_string() && lines[8]["error"].is_string());
    assert!(files.iter().any(|(name, _)| name == "labels/a.txt") && files.len() > 20);
    for (batch, device) in [("2", "cpu"), ("7", "cpu"), ("2", "cpu,cpu,cpu")] {
        let (other_lines, other_stderr, other_files) = run(batch, device);
        assert_eq!((other_lines, other_stderr), (lines.clone(), stderr.clone()), "{batch} on {device}");
        assert!(other_files == files, "batch {batch} on {device} wrote other files");
    }
    let said = place.run(&["val", "--data", "x.yaml", "--device", "cpu,cpu"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("--device: expected one device, found 2"), "{said:?}");
}

#[test]
fn classes_are_chosen_by_number_or_name() {
    let place = Workplace::new();
    for classes in ["14", "bird", "[14]", "BIRD,14"] {
        let said = place.run(&["run", "--json", "--no-save", "--classes", classes]);
        let lines = said.json();
        let found = lines[0]["detections"].as_array().expect("a list");
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|detection| detection["name"] == "bird"));
    }
    let said = place.run(&["run", "--classes", "brid"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("error: class brid: expected a number from 0 to 79 or a name of the weights"));
}

#[test]
fn an_iou_is_accepted_and_said_to_have_no_effect() {
    let place = Workplace::new();
    let said = place.run(&["run", "iou=0.7", "--no-save"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("note: --iou has no effect: the one-to-one head needs no suppression"), "{said:?}");
}

#[test]
fn verbose_says_what_is_loaded_and_written_and_quiet_says_nothing() {
    let place = Workplace::new();
    place.grey("grey.png");
    let said = place.run(&[&["run", "grey.png", "verbose=True"][..], &FAST].concat());
    assert!(
        said.stderr.contains("note: built-in yolov10n-demo: YOLOv10 n, 80 classes, on cpu, loaded in "),
        "{said:?}"
    );
    assert!(said.stderr.ends_with("note: wrote runs/detect/predict/grey.png\n"), "{said:?}");
    let said = place.run(&[&["run", "grey.png", "verbose=False"][..], &FAST].concat());
    assert_eq!((said.code, &*said.stdout, &*said.stderr), (Some(0), "", ""));
}

#[test]
fn max_det_is_honoured_above_and_below_its_default() {
    let place = Workplace::new();
    let count = |number: &str| {
        let said = place.run(&["run", "--json", "--no-save", "conf=0", &format!("max_det={number}")]);
        said.json()[0]["detections"].as_array().expect("a list").len()
    };
    assert_eq!([count("1"), count("300"), count("1000")], [1, 300, 1000]);
}

#[test]
fn tables_crops_and_labels_hold_what_json_says() {
    let place = Workplace::new();
    let words = ["run", "--json", "--save-txt", "--save-conf", "--save-crop", "--save-csv", "--save-json", "--no-save"];
    let said = place.run(&words);
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines = said.json();
    let detections = lines[0]["detections"].as_array().expect("a list");
    let folder = "runs/detect/predict";
    let labels = place.text(&format!("{folder}/labels/street.txt"));
    let csv = place.text(&format!("{folder}/predictions.csv"));
    let coco: Value = serde_json::from_str(&place.text(&format!("{folder}/predictions.json"))).expect("JSON");
    let crops = place.files(&format!("{folder}/crops"));
    assert_eq!(labels.lines().count(), detections.len());
    assert_eq!(csv.lines().count(), 1 + detections.len());
    assert_eq!(coco.as_array().map(Vec::len), Some(detections.len()));
    assert_eq!(crops.len(), detections.len());
    assert!(crops.contains(&"bird/street-1.jpg".to_owned()), "{crops:?}");
    assert!(labels.starts_with("14 0.872") && labels.lines().all(|line| line.split(' ').count() == 6), "{labels}");
    assert!(csv.starts_with("image,frame,class,name,score,x1,y1,x2,y2,time\nstreet.jpg,,14,bird,0.98"), "{csv}");
    // COCO counts bird as its 16th.
    assert_eq!((&coco[0]["image_id"], &coco[0]["category_id"]), (&Value::from("street"), &Value::from(16)));
}

#[test]
fn a_rerun_into_the_same_folder_replaces_its_labels() {
    let place = Workplace::new();
    let run = |conf: &str| place.run(&["run", "--save-txt", "--exist-ok", "--no-save", "--conf", conf]).code;
    let labels = || place.files("runs/detect/predict/labels");
    assert_eq!((run("0.25"), labels().len()), (Some(0), 1));
    let first = place.text("runs/detect/predict/labels/street.txt");
    assert_eq!(run("0.25"), Some(0));
    assert_eq!(place.text("runs/detect/predict/labels/street.txt"), first);
    assert_eq!((run("1"), labels().len()), (Some(0), 0));
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    let place = Workplace::new();
    place.file("weights.pt", b"not weights");
    place.grey("picture.jpg");
    for (words, error) in [
        (vec!["run", "--conf", "2"], "expected a number from 0 to 1"),
        (vec!["run", "--imgsz", "16"], "expected sides of 32 to 8192 pixels"),
        (vec!["run", "--max-det", "0"], "0 is not in 1.."),
        (vec!["run", "--device", "tpu"], "device tpu: expected cpu, flex, cuda, cuda:N or wgpu"),
        (vec!["run", "confi=0.5"], "error: confi=0.5: run has no option confi"),
        (vec!["run", "--weights", "weights.pt"], "error: weights.pt: "),
        (vec!["run", "--weights", "picture.jpg"], "error: picture.jpg: "),
        (vec!["run", "--weights", "nowhere.pt"], "error: nowhere.pt: cannot read: No such file or directory"),
        (vec!["run", "--weights", "."], "error: .: expected a file, found a folder"),
        (vec!["fly"], "unrecognized subcommand 'fly'"),
    ] {
        let said = place.run(&words);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{words:?}: {said:?}");
        assert!(said.stderr.contains(error), "{words:?}: {said:?}");
        assert_eq!(said.stderr.lines().filter(|line| !line.starts_with("note: ")).count(), 1, "{words:?}: {said:?}");
    }
}

#[test]
fn a_file_that_can_not_be_written_fails_its_picture_and_leaves_no_part() {
    let place = Workplace::new();
    place.grey("grey.png");
    // A folder stands where the picture should go.
    place.file("runs/detect/predict/grey.png/in-the-way", b"");
    let said = place.run(&[&["run", "grey.png", "--exist-ok"][..], &FAST].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    let error = "error: grey.png: runs/detect/predict/grey.png: a folder is in the way\n";
    assert_eq!(said.stderr.lines().last().map(|line| format!("{line}\n")).as_deref(), Some(error), "{said:?}");
    assert_eq!(place.files("runs"), ["detect/predict/grey.png/in-the-way"]);
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_can_not_be_said_are_an_error() {
    let place = Workplace::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = place.command(&[&["run", "--no-save"][..], &FAST].concat());
    let output = command.stdout(full).output().expect("the program starts");
    let said = Said::from(output);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("error: stdout: No space left on device"), "{said:?}");
}

/// A list of so many pictures that no run is done before something happens to it.
fn long_list(place: &Workplace) -> Vec<&'static str> {
    place.grey("grey.png");
    place.file("list.txt", "grey.png\n".repeat(100_000).as_bytes());
    [&["run", "list.txt", "--no-save"][..], &FAST].concat()
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let place = Workplace::new();
    let mut child = place.command(&long_list(&place)).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert!(line.starts_with("image 1/100000 grey.png: 32x32 "), "{line}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panic") && !stderr.contains("error"), "{stderr}");
}
