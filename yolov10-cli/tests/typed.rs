//! What people type: ultralytics' way, mistakes, options that mean nothing together.

mod support;

use support::{FAST, Said, WEIGHTS, Workplace};

fn workplace() -> Workplace {
    let place = Workplace::new();
    place.file("weights.safetensors", WEIGHTS);
    place.street("street.jpg");
    place
}

fn run(place: &Workplace, line: &str) -> Said {
    place.run(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn lines_of_ultralytics_run_as_they_are() {
    let place = workplace();
    let expected =
        run(&place, "run street.jpg --weights weights.safetensors --imgsz 64 --conf 0.1 --no-save").timeless();
    for line in [
        "detect predict model=weights.safetensors source=street.jpg imgsz=64 conf=0.1 save=False",
        "predict task=detect mode=predict model=weights.safetensors source=street.jpg imgsz=64, conf=0.1, save=False",
        "task=detect mode=predict model=weights.safetensors source=street.jpg imgsz=64 conf=0.1 save=False",
        "predict model=weights.safetensors source=street.jpg imgsz=64 conf = 0.1 save = False",
        "predict model=weights.safetensors source=street.jpg imgsz=64 conf=0.1 save=False half=False nms=False stream=True \
         show=False workers=4 classes=None",
        "run --source street.jpg --model weights.safetensors --imgsz 64 --conf 0.1 --no-save",
        "run street.jpg -w nowhere.pt -w weights.safetensors --imgsz 32 --imgsz 64 --conf 0.9 --conf 0.1 --no-save",
    ] {
        let said = run(&place, line);
        assert_eq!((said.code, said.timeless()), (Some(0), expected.clone()), "{line}: {said:?}");
        assert!(said.stderr.lines().all(|line| line.starts_with("note: ")), "{line}: {said:?}");
    }
}

#[test]
fn the_last_one_wins_and_lists_add_up() {
    let place = Workplace::new();
    let found = |options: &str| {
        let said = run(&place, &format!("run --json --no-save {options}"));
        let lines = said.json();
        let names = lines[0]["detections"].as_array().expect("a list").iter().map(|found| found["name"].clone());
        names.map(|name| name.as_str().expect("a name").to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(found("--classes bird --classes person"), ["bird", "person"].map(str::to_owned).into());
    assert_eq!(found("--classes bird,person --conf 1 --conf 0.25"), ["bird", "person"].map(str::to_owned).into());
    assert!(found("--conf 0.25 --conf 1").is_empty());
}

#[test]
fn half_is_what_the_device_has() {
    let place = workplace();
    let said = run(&place, "predict source=street.jpg half=True imgsz=32 save=False verbose=False device=flex");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    let said = run(&place, "run street.jpg --half --imgsz 32 --no-save --device flex");
    assert!(said.stderr.contains("note: --half: flex has no half precision here: computing in f32"), "{said:?}");
    assert_eq!(run(&place, "run street.jpg --half --imgsz 32 --no-save").code, Some(0));
}

#[test]
fn what_there_is_not_is_told_in_a_line_that_helps() {
    let place = workplace();
    for (line, error) in [
        ("track source=street.jpg", "error: track: there is no tracker: yolo10-burn run --json gives the boxes"),
        ("detect train data=coco.yaml", "error: train: there is no training: train with ultralytics"),
        ("mode=export", "error: export: nothing needs to be exported: "),
        ("checks", "error: checks: yolo10-burn doctor looks at this machine"),
        ("version", "error: version: yolo10-burn --version says it"),
        ("segment predict", "error: segment: this program detects objects, and nothing else"),
        ("run confi=0.5", "; did you mean conf=0.5?"),
        ("run --cnof 0.5", "; did you mean --conf?"),
        ("run -conf 0.5 street.jpg", "error: -conf: did you mean --conf?"),
        ("run street.jpg conf 0.5", "error: conf: expected a value, as in conf=.. or --conf .."),
        ("run street.jpg Conf=0.5", "Conf=0.5: there is no such file; did you mean conf=0.5?"),
        ("hub", "error: hub: there is no service to log in to"),
        ("run --memory-limit -5MB", "invalid value '-5MB' for '--memory-limit <SIZE>': expected a size"),
        ("run --conf -0.5", "invalid value '-0.5' for '--conf <CONF>': expected a number from 0 to 1"),
        ("run --conf -inf", "invalid value '-inf' for '--conf <CONF>': expected a number from 0 to 1"),
        ("run --max-det -1", "invalid value '-1' for '--max-det <N>'"),
        ("run --threads -2", "invalid value '-2' for '--threads <N>': expected a whole number"),
        ("run --stream-timeout -1.5", "'--stream-timeout <SECONDS>': expected a whole number"),
        ("bench --duration -1", "invalid value '-1' for '--duration <SECONDS>': expected seconds"),
        ("val --data x.yaml --batch -4", "invalid value '-4' for '--batch <N>': expected a whole number"),
        ("rum", "; did you mean run?"),
        ("detect", "error: expected a command, as in: yolo10-burn run picture.jpg"),
        ("run --threads 0", "'--threads <N>': expected 1 or more"),
        ("run --font /dev/zero --no-save", "error: /dev/zero: expected a file, found something else"),
        ("run --memory-limit 30parsec", "expected a size such as 60MB, 64MiB or 60000000"),
        ("run --font street.jpg --no-save", "error: street.jpg: not a font: expected a TrueType or OpenType file"),
    ] {
        let said = run(&place, line);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{line}: {said:?}");
        let errors: Vec<&str> = said.stderr.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(error), "{line}: {said:?}");
    }
}

#[test]
fn options_that_have_no_effect_are_told() {
    let place = workplace();
    for (options, note) in [
        ("--isa portable --device flex", "--isa has no effect on flex: only the CPU engine has it"),
        ("--save-conf", "--save-conf has no effect without --save-txt"),
        ("--isolate --batch 2", "--batch has no effect with --isolate: a worker gets one at a time"),
        ("--line-width 3", "--line-width, --hide-labels, --hide-conf and --font have no effect with --no-save"),
        ("--exist-ok", "--exist-ok has no effect: no files are written"),
        ("--cache-dir x", "--cache-dir has no effect: there are no kernels to keep without a GPU"),
    ] {
        let said = run(&place, &format!("run street.jpg --no-save --imgsz 32 {options}"));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stderr.lines().any(|line| line == format!("note: {note}")), "{options}: {said:?}");
    }
}

#[test]
fn a_limit_has_units() {
    let said = Workplace::new().run(&[&["run", "--no-save", "--memory-limit", "30MB"][..], &FAST].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = Workplace::new().run(&["run", "--no-save", "--memory-limit", "1MiB"]);
    assert!(said.stderr.ends_with("bytes needed, 1048576 allowed\n"), "{said:?}");
}

#[test]
fn info_takes_its_weights_in_every_way() {
    let place = workplace();
    let expected = run(&place, "info weights.safetensors");
    for line in ["info -w weights.safetensors", "info --weights weights.safetensors", "info model=weights.safetensors"]
    {
        assert_eq!(run(&place, line).stdout, expected.stdout, "{line}");
    }
    assert!(expected.stdout.contains("\nheads           one-to-one\n"), "{expected:?}");
    assert!(expected.stdout.contains("\nsha256          "), "{expected:?}");
}

#[test]
fn names_that_are_given_replace_those_of_the_weights() {
    let place = workplace();
    let names = (0..80).fold(String::new(), |names, class| names + &format!("kind {class}\n"));
    place.file("names.txt", names.as_bytes());
    place.file("few.txt", b"one\ntwo\n");
    for weights in ["", " --weights weights.safetensors", " --isolate"] {
        let line = format!("run street.jpg --json --no-save --names names.txt --classes 14{weights}");
        let said = place.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(said.json()[0]["detections"][0]["name"], "kind 14", "{said:?}");
        let said = run(&place, &format!("run street.jpg --no-save --names few.txt{weights}"));
        assert_eq!(said.code, Some(2), "{said:?}");
        let error = "class names: expected 80, one for each class of the weights, found 2";
        assert!(said.stderr.lines().last().is_some_and(|line| line.ends_with(error)), "{said:?}");
    }
    place.file("data.yaml", format!("val: images\nnames: [{}]\n", names.trim().replace('\n', ", ")).as_bytes());
    place.street("images/street.jpg");
    place.file("labels/street.txt", b"0 0.5 0.5 0.1 0.1\n");
    let measured = |options: &str| run(&place, &format!("val --data data.yaml --imgsz 64{options}"));
    assert!(measured("").stderr.contains("80 classes have other names than in the weights"), "{:?}", measured(""));
    let said = measured(" --names names.txt");
    assert!(said.code == Some(0) && !said.stderr.contains("other names"), "{said:?}");
}
