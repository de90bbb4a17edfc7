//! What the other commands promise.

mod support;

use serde_json::Value;
use support::Workplace;

/// The weights that the program carries.
const WEIGHTS: &[u8] = include_bytes!("../../assets/yolov10n-demo.safetensors");

#[test]
fn info_tells_what_weights_hold() {
    let place = Workplace::new();
    place.file("weights.safetensors", WEIGHTS);
    let text = place.run(&["info"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    // Parameters and cost as published: 2.3M and 6.7G.
    for line in ["variant         YOLOv10 n", "parameters      2,299,264, as F16", "classes         80: 0 person, "] {
        assert!(text.stdout.lines().any(|found| found.starts_with(line)), "{line} in {text:?}");
    }
    assert!(text.stdout.contains(" GFLOPs at 640x640\n"), "{text:?}");
    let json = &place.run(&["info", "weights.safetensors", "--json", "--imgsz", "320"]).json()[0];
    assert_eq!((&json["variant"], &json["parameters"]), (&"n".into(), &2_299_264.into()));
    assert_eq!((&json["weights"], &json["classes"][79]), (&"weights.safetensors".into(), &"toothbrush".into()));
    let parameters: u64 =
        json["layers"].as_array().expect("a list").iter().filter_map(|step| step["parameters"].as_u64()).sum();
    // The 16 fixed weights of the box distribution belong to no layer.
    assert_eq!(parameters + 16, 2_299_264);
    assert_eq!(json["input"], serde_json::json!({ "height": 320, "width": 320 }));
    assert!(json["source"]["sha256"].as_str().is_some_and(|sum| sum.len() == 64));
}

#[test]
fn convert_passes_a_converted_file_on_and_never_writes_over_its_input() {
    let place = Workplace::new();
    place.file("weights.safetensors", WEIGHTS);
    let said = place.run(&["convert", "weights.safetensors", "-o", "again.safetensors"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("again.safetensors: YOLOv10 n, 80 classes, 2299264 parameters, "), "{said:?}");
    assert_eq!(std::fs::read(place.path("again.safetensors")).expect("a file"), WEIGHTS);
    for words in
        [&["convert", "weights.safetensors"][..], &["convert", "weights.safetensors", "-o", "./weights.safetensors"]]
    {
        let said = place.run(words);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.ends_with("weights.safetensors is the input itself: name another output\n"));
    }
    place.file("broken.pt", &WEIGHTS[..1000]);
    let said = place.run(&["convert", "broken.pt"]);
    assert_eq!((said.code, said.stderr.lines().count()), (Some(2), 1), "{said:?}");
    assert!(said.stderr.starts_with("error: broken.pt: "), "{said:?}");
    assert_eq!(place.files("."), ["again.safetensors", "broken.pt", "weights.safetensors"]);
}

#[test]
fn the_same_weights_give_the_same_json_from_the_program_and_from_a_file() {
    let place = Workplace::new();
    place.file("weights.safetensors", WEIGHTS);
    place.street("street.jpg");
    let detections = |words: &[&str]| {
        let said = place.run(&[&["run", "street.jpg", "--json", "--no-save"][..], words].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        said.json()[0]["detections"].clone()
    };
    let expected = detections(&[]);
    assert_eq!(detections(&["--weights", "weights.safetensors"]), expected);
    assert_eq!(detections(&["--threads", "1"]), expected);
    assert_eq!(detections(&["model=weights.safetensors", "threads=3"]), expected);
}

#[test]
fn bench_measures_every_combination_once() {
    let place = Workplace::new();
    let words = [
        "bench",
        "--iterations",
        "2",
        "--warmup",
        "0",
        "--imgsz",
        "32",
        "64,96",
        "--threads",
        "1,2",
        "--batch",
        "1,3",
        "--plot",
        "latency.png",
        "--json",
    ];
    let said = place.run(&words);
    assert_eq!(said.code, Some(0), "{said:?}");
    let rows = said.json();
    let choice = |row: &Value| {
        [&row["input"]["width"], &row["threads"], &row["batch"]].map(|number| number.as_u64().expect("a number"))
    };
    let choices: Vec<_> = rows.iter().map(choice).collect();
    let mut expected = Vec::new();
    for width in [32, 96] {
        for threads in [1, 2] {
            expected.extend([1, 3].map(|batch| [width, threads, batch]));
        }
    }
    assert_eq!(choices, expected);
    let plot = image::open(place.path("latency.png")).expect("a picture");
    assert!(plot.height() > 8 * 40, "a bar for each of eight rows");
    for row in &rows {
        assert_eq!(row["runs"], 2);
        let time = |stage: &str, sum: &str| row["ms"][stage][sum].as_f64().expect("a number");
        assert!(time("inference", "p50") > 0.0 && time("detect", "p99") >= time("detect", "p50"));
        assert!(time("end_to_end", "min") > time("inference", "min"), "decoding takes time: {row}");
    }
    let kernels = &rows[0]["kernels"];
    assert!(kernels["isa"].is_string() && kernels["dtype"] == "f32", "what ran is named: {kernels}");
    let table = place.run(&words[..words.len() - 1]);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + rows.len(), "{table:?}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{table:?}");
    assert!(lines[1].contains("cpu/1 ") && lines[1].contains(" f32 ") && lines[5].contains(" 64x96 "), "{table:?}");
    let wrong = place.run(&["bench", "--plot", "latency.txt"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}

#[test]
fn doctor_tries_the_processor_and_says_what_is_missing() {
    let place = Workplace::new();
    let said: support::Said = place.command(&["doctor"]).env("PATH", "").output().expect("it starts").into();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("device cpu   works; found "), "{said:?}");
    assert!(said.stdout.contains("ffmpeg       not found; videos and cameras need it: apt install ffmpeg"), "{said:?}");
}

#[test]
fn doctor_says_what_the_machine_is_in_a_line_for_each_thing() {
    let place = Workplace::new();
    let said: support::Said = place.command(&["doctor"]).env("TMPDIR", "nowhere").output().expect("it starts").into();
    let line = |name: &str| {
        let mut lines = said.stdout.lines().filter_map(|line| line.strip_prefix(&format!("{name:<13}")));
        lines.next().unwrap_or_else(|| panic!("no line {name}: {said:?}"))
    };
    assert!(line("target").starts_with(std::env::consts::ARCH), "{said:?}");
    assert!(line("processor").contains("portable; the engine uses "), "{said:?}");
    let threads: usize = line("threads").split(',').next().expect("a number").parse().expect("a number");
    assert!(threads >= 1, "{said:?}");
    assert!(!line("memory").is_empty() && !line("faster").is_empty(), "{said:?}");
    let temporary = line("temporary");
    assert!(temporary.starts_with("nowhere: ") && temporary.ends_with("set TMPDIR"), "{said:?}");
}

#[test]
fn version_names_commit_features_and_instruction_sets() {
    let said = Workplace::new().run(&["--version"]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("yolo10-burn 0.1.0 (commit "), "{said:?}");
    assert!(lines[1].starts_with("features: ") && lines[2].ends_with("portable"), "{said:?}");
}

#[test]
fn completions_and_manual_know_every_command() {
    let place = Workplace::new();
    place.file("man/keep", b"");
    assert_eq!(place.run(&["man", "man"]).code, Some(0));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(place.run(&["completions", shell]).stdout.contains("save-crop"), "{shell}");
    }
    let manual = place.files("man");
    for command in ["run", "convert", "info", "bench", "doctor", "completions", "man"] {
        assert!(manual.contains(&format!("yolo10-burn-{command}.1")), "{manual:?}");
    }
    for name in manual.iter().filter(|name| name.ends_with(".1")) {
        let page = place.text(&format!("man/{name}"));
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "ENVIRONMENT", "FILES", "EXIT STATUS"]
        {
            let is_there = page.contains(&format!(".SH {section}")) || page.contains(&format!(".SH \"{section}\""));
            assert!(is_there, "{name}: {section} of {page}");
        }
    }
    let page = place.text("man/yolo10-burn-run.1");
    assert!(page.contains("YOLO10_BURN_CACHE") && page.contains("predict model=yolov10n.pt"), "{page}");
    // Its own pages are replaced, and nobody else's.
    assert_eq!(place.run(&["man", "man"]).code, Some(0));
    place.file("man/yolo10-burn-run.1", b"mine");
    let said = place.run(&["man", "man"]);
    assert_eq!((said.code, said.stderr.lines().count()), (Some(2), 1), "{said:?}");
    assert_eq!(place.text("man/yolo10-burn-run.1"), "mine");
}
