//! What is written is there, and nothing else is lost for it.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;
use support::{FAST, ONE_EACH, Said, Workplace};

fn run(place: &Workplace, words: &[&str]) -> Said {
    place.run(&[&["run"][..], words, &FAST].concat())
}

#[test]
fn a_source_is_never_replaced_however_it_is_named() {
    let place = Workplace::new();
    place.street("ow/a.jpg");
    place.street("other/b.jpg");
    let into = ["--project", "ow", "--name", ".", "--exist-ok"];
    for source in ["ow/a.jpg", "./ow/../ow/a.jpg", "ow"] {
        let said = run(&place, &[&[source][..], &into].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("is not replaced; name another folder"), "{said:?}");
    }
    // A file that the program made may be replaced, unless this run reads it.
    assert_eq!(run(&place, &[&["other/b.jpg"][..], &into].concat()).code, Some(0));
    assert_eq!(run(&place, &[&["other/b.jpg"][..], &into].concat()).code, Some(0));
    let annotated = fs::read(place.path("ow/b.jpg")).expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.path("ow/b.jpg"), place.path("linked-b.jpg")).expect("a link");
    let said = run(&place, &[&["ow/b.jpg"][..], &into].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("b.jpg: is a source of this run, and is not replaced"), "{said:?}");
    // It is a source that comes later, too, and under another name.
    let said = run(&place, &[&["other/b.jpg", "linked-b.jpg"][..], &into].concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(fs::read(place.path("ow/b.jpg")).expect("a file"), annotated);
    assert_eq!(fs::read(place.path("ow/a.jpg")).expect("a file"), support::STREET);
}

#[test]
fn labels_and_tables_that_somebody_made_stay() {
    let place = Workplace::new();
    place.grey("images/a.png");
    place.grey("images/b.png");
    for (name, text) in [("labels/a.txt", "0 0.5 0.5 0.1 0.1\n"), ("predictions.csv", "mine\n")] {
        place.file(name, text.as_bytes());
    }
    let into = ["--project", ".", "--name", ".", "--exist-ok", "--no-save"];
    // With objects it would be replaced, without any removed.
    for conf in ["0", "1"] {
        let said = run(&place, &[&["images/a.png", "--save-txt", "--conf", conf][..], &into].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains("labels/a.txt: was not made by this program, and is not replaced"), "{said:?}");
    }
    let said = run(&place, &[&["images/a.png", "--save-csv"][..], &into].concat());
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "nothing is computed in vain: {said:?}");
    assert_eq!(
        (place.text("labels/a.txt"), place.text("predictions.csv")),
        ("0 0.5 0.5 0.1 0.1\n".into(), "mine\n".into())
    );
    // What the program made is its own until somebody writes into it.
    let own = [&["images/b.png", "--save-txt", "--conf", "0"][..], &into].concat();
    assert_eq!([run(&place, &own).code, run(&place, &own).code], [Some(0); 2]);
    place.file("labels/b.txt", b"0 0.5 0.5 0.2 0.2\n");
    assert_eq!(run(&place, &own).code, Some(2));
    assert_eq!(place.text("labels/b.txt"), "0 0.5 0.5 0.2 0.2\n");
}

#[test]
fn a_plot_replaces_plots_and_no_other_picture() {
    let place = Workplace::new();
    place.grey("mine.png");
    let before = fs::read(place.path("mine.png")).expect("a file");
    let bench =
        |plot: &str| place.run(&["bench", "--iterations", "1", "--warmup", "0", "--imgsz", "32", "--plot", plot]);
    let said = bench("mine.png");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    assert_eq!(fs::read(place.path("mine.png")).expect("a file"), before);
    assert_eq!([bench("plot.png").code, bench("plot.png").code], [Some(0); 2]);
}

#[test]
fn frames_keep_their_number_and_their_time() {
    let place = Workplace::new();
    place.animation("clip.gif", 5);
    let words = ["run", "clip.gif", "--vid-stride", "2", "--save-csv", "--no-save", "--json"];
    let said = place.run(&[&words[..], &ONE_EACH].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let frames: Vec<_> = said.json().iter().map(|line| (line["frame"].as_u64(), line["time"].as_f64())).collect();
    // The encoder shows each frame for a tenth of a second.
    assert_eq!(frames, [(Some(1), Some(0.0)), (Some(3), Some(0.2)), (Some(5), Some(0.4))]);
    let csv = place.text("runs/detect/predict/predictions.csv");
    let ends: Vec<_> = csv.lines().skip(1).map(|row| (row.split(',').nth(1), row.rsplit(',').next())).collect();
    assert_eq!(ends, [(Some("1"), Some("0.0")), (Some("3"), Some("0.2")), (Some("5"), Some("0.4"))]);
}

#[test]
fn frames_and_pictures_share_no_name_and_ids_are_numbers_only_if_they_are_unique() {
    let place = Workplace::new();
    place.animation("clip.gif", 2);
    for name in ["clip_1.png", "7.png", "007.png", "008.png"] {
        place.grey(name);
    }
    let sources = ["clip.gif", "clip_1.png", "7.png", "007.png", "008.png"];
    let words = [&["run"][..], &sources, &["--save-txt", "--save-crop", "--save-json", "--no-save"]].concat();
    let said = place.run(&[&words[..], &ONE_EACH].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let folder = "runs/detect/predict";
    let labels = ["007.txt", "008.txt", "7.txt", "clip_1-2.txt", "clip_1.txt", "clip_2.txt"];
    assert_eq!(place.files(&format!("{folder}/labels")), labels);
    assert_eq!(place.files(&format!("{folder}/crops")).len(), 6);
    let results: Value = serde_json::from_str(&place.text(&format!("{folder}/predictions.json"))).expect("JSON");
    let ids: Vec<Value> = results.as_array().expect("a list").iter().map(|result| result["image_id"].clone()).collect();
    assert_eq!(ids, [Value::from("clip_1"), "clip_2".into(), "clip_1-2".into(), "7".into(), "007".into(), 8.into()]);
}

#[test]
fn a_reader_that_leaves_ends_the_lines_and_not_the_files() {
    let place = Workplace::new();
    place.grey("grey.png");
    place.file("list.txt", "grey.png\n".repeat(12).as_bytes());
    let words = ["run", "list.txt", "--save-csv", "--save-json", "--json"];
    let mut child = place.command(&[&words[..], &ONE_EACH].concat()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{stderr}");
    let folder = "runs/detect/predict";
    assert_eq!(place.text(&format!("{folder}/predictions.csv")).lines().count(), 1 + 12);
    let results: Value = serde_json::from_str(&place.text(&format!("{folder}/predictions.json"))).expect("JSON");
    assert_eq!(results.as_array().map(Vec::len), Some(12));
    assert_eq!(place.files(folder).iter().filter(|name| name.ends_with(".png")).count(), 12);
    assert!(!stderr.contains("error"), "{stderr}");
}

#[test]
fn where_results_are_is_said_only_if_there_are_any() {
    let place = Workplace::new();
    place.grey("grey.png");
    let said = run(&place, &["grey.png", "--save-txt", "--no-save"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.stdout.contains("saved to") && !place.path("runs/detect/predict").exists(), "{said:?}");
    let said = run(&place, &["grey.png", "--json"]);
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    assert!(said.stderr.ends_with("\nResults saved to runs/detect/predict\n"), "{said:?}");
    let said = run(&place, &["grey.png", "--quiet", "--save-conf", "--iou", "0.5", "--isa", "portable"]);
    assert_eq!((said.code, &*said.stdout, &*said.stderr), (Some(0), "", ""));
}

#[test]
fn a_project_that_is_a_file_is_told_and_stays() {
    let place = Workplace::new();
    place.file("taken", b"mine");
    for options in [
        &["--project", "taken"][..],
        &["--project", "taken/deeper", "--exist-ok"],
        &["--project", ".", "--name", "taken", "--exist-ok"],
    ] {
        let said = run(&place, options);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.ends_with("taken: expected a folder, found a file\n"), "{said:?}");
    }
    assert_eq!(place.text("taken"), "mine");
}

#[test]
fn verbose_names_every_file() {
    let place = Workplace::new();
    place.animation("moving.gif", 2);
    let words =
        ["run", "moving.gif", "--verbose", "--save-txt", "--save-crop", "--save-frames", "--save-csv", "--save-json"];
    let said = place.run(&[&words[..], &ONE_EACH].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let folder = "runs/detect/predict";
    let mut named: Vec<&str> = said.stderr.lines().filter_map(|line| line.strip_prefix("note: wrote ")).collect();
    named.sort_unstable();
    let files: Vec<String> = place.files(folder).into_iter().map(|name| format!("{folder}/{name}")).collect();
    assert_eq!(named, files);
    for name in ["moving.gif", "moving_frames/1.jpg", "moving_frames/2.jpg", "labels/moving_2.txt", "predictions.csv"] {
        assert!(files.contains(&format!("{folder}/{name}")), "{name} of {files:?}");
    }
}

#[test]
fn cells_are_no_formulas() {
    let place = Workplace::new();
    place.grey("=1+1.png");
    let said = place.run(&[&["run", "=1+1.png", "--save-csv", "--no-save"][..], &ONE_EACH].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let csv = place.text("runs/detect/predict/predictions.csv");
    assert!(csv.lines().nth(1).is_some_and(|row| row.starts_with("'=1+1.png,")), "{csv}");
}

#[cfg(unix)]
#[test]
fn no_terminal_obeys_a_name_and_an_error_is_one_bounded_line() {
    let place = Workplace::new();
    place.grey("a\u{1b}[31mb\u{9b}0m.png");
    for form in [&[][..], &["--json"]] {
        let said =
            run(&place, &[&["a\u{1b}[31mb\u{9b}0m.png", "c\u{7}\nd.png", "--verbose", "--no-save"][..], form].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        let obeyed = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
        assert!(!obeyed(&said.stdout) && !obeyed(&said.stderr), "{said:?}");
        assert!(said.stdout.contains(r"a\u001b[31mb\u009b0m.png"), "{said:?}");
        assert!(said.stderr.contains("c\\u0007 d.png: no such file or folder\n"), "{said:?}");
    }
    let long = "x".repeat(100_000);
    let said = run(&place, &[&long]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.lines().all(|line| line.len() < 1100), "{} bytes", said.stderr.len());
}

#[test]
fn passwords_in_addresses_appear_nowhere() {
    let place = Workplace::new();
    // Nobody listens there.
    let address = "http://admin:secret@127.0.0.1:9/street.jpg";
    let said = run(&place, &[address, "--json", "--save-csv"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(said.json()[0]["image"], "http://127.0.0.1:9/street.jpg");
    assert!(!said.stdout.contains("secret") && !said.stderr.contains("secret"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_too_long_costs_nothing() {
    let place = Workplace::new();
    let name = format!("{}.png", "ä".repeat(125));
    place.grey(&name);
    let words = ["run", &name, "--save-txt", "--save-crop"];
    let said = place.run(&[&words[..], &ONE_EACH].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let stem = "ä".repeat(100);
    let files = place.files("runs/detect/predict");
    assert!(files.contains(&format!("{stem}.png")) && files.contains(&format!("labels/{stem}.txt")), "{files:?}");
    assert_eq!(files.len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_once_and_names_the_file() {
    let place = Workplace::new();
    place.street("a.jpg");
    place.file("list.txt", "a.jpg\n".repeat(50).as_bytes());
    // Files of at most 8 blocks; the signal is ignored, so that writing fails as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    place.file("yolov10n.safetensors", support::WEIGHTS);
    let said: Said = std::process::Command::new("bash")
        .args(["-c", limited, env!("CARGO_BIN_EXE_yolo10-burn"), "run", "list.txt", "--weights", "n", "--imgsz", "32"])
        .current_dir(place.path("."))
        .output()
        .expect("bash starts")
        .into();
    assert_eq!(said.code, Some(2), "{said:?}");
    let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said:?}");
    assert!(errors[0].contains("runs/detect/predict/a") && errors[0].contains("File too large"), "{errors:?}");
    assert!(!errors[0].contains(".yolo10-burn-"), "{errors:?}");
    assert!(said.stdout.lines().count() < 40, "it goes on in vain: {said:?}");
    assert!(place.files("runs").is_empty(), "{:?}", place.files("runs"));
}
