//! `memory`, `run --memory`, `run --isolate` and `--memory-limit`, from outside.

mod support;

use serde_json::Value;
use support::Workplace;

const SMALL: [&str; 2] = ["--imgsz", "64"];

#[test]
fn the_contract_is_kept_in_every_state() {
    let said = Workplace::new().run(&["memory", SMALL[0], SMALL[1], "--cycles", "4", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = &said.json()[0];
    let states: Vec<&str> = report["states"]
        .as_array()
        .expect("states")
        .iter()
        .map(|state| state["after"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        states,
        [
            "start",
            "load",
            "run",
            "second run",
            "run again",
            "trim",
            "runs after trim",
            "drop",
            "last cycle's drop",
            "shutdown"
        ]
    );
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    assert_eq!(verdicts.len(), 6);
    assert!(verdicts.iter().all(|verdict| verdict["kept"] == true), "{verdicts:?}");
    assert_eq!(report["states"][7]["weights"]["reserved"], 0);
}

#[test]
fn the_table_has_a_line_per_state_and_per_promise() {
    let said = Workplace::new().run(&["memory", SMALL[0], SMALL[1], "--cycles", "2"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let kept = said.stdout.lines().filter(|line| line.starts_with("kept "));
    assert_eq!(kept.count(), 6, "{}", said.stdout);
    let dropped = said.stdout.lines().find(|line| line.starts_with("drop "));
    let dropped: Vec<&str> = dropped.expect("a line").split_whitespace().collect();
    assert_eq!(dropped[1..4], ["0.000/0.000"; 3]);
}

#[test]
fn an_isolated_run_finds_and_writes_the_same() {
    let workplace = Workplace::new();
    workplace.street("street.jpg");
    let run = |words: &[&str]| {
        let mut all = vec!["run", "street.jpg", "--json", "--save-txt", "--no-save"];
        all.extend(words);
        let said = workplace.run(&all);
        assert_eq!(said.code, Some(0), "{said:?}");
        let mut picture = said.json().remove(0);
        picture.as_object_mut().expect("an object").remove("ms");
        picture
    };
    assert_eq!(run(&["--name", "here"]), run(&["--name", "there", "--isolate"]));
    let labels = |name: &str| workplace.text(&format!("runs/detect/{name}/labels/street.txt"));
    assert_eq!(labels("here"), labels("there"));
}

#[test]
fn a_run_says_what_it_held_and_that_it_gave_it_back() {
    for isolation in [&[][..], &["--isolate"]] {
        let mut words = vec!["run", "--no-save", "--memory"];
        words.extend(isolation);
        let said = Workplace::new().run(&words);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stderr.contains("\nweights "), "{}", said.stderr);
        let last = said.stderr.lines().last().expect("a line");
        assert!(last.starts_with("released ") && last.ends_with(" ms, 0 left"), "{last}");
        *words.iter_mut().find(|word| **word == "--memory").expect("it is there") = "--memory-json";
        let said = Workplace::new().run(&words);
        let report: Value = serde_json::from_str(said.stderr.lines().last().expect("a line")).expect("JSON");
        let held = |kind: &str| report["before"][kind]["reserved"].as_u64().expect(kind);
        assert_eq!(report["released"], held("weights") + held("workspace") + held("staging"), "{report}");
        assert_eq!(report["residue"], 0);
    }
}

#[test]
fn a_limit_on_memory_is_an_error_that_names_it() {
    let said = Workplace::new().run(&["run", "--no-save", "--memory-limit", "1000000"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.ends_with("bytes needed, 1000000 allowed\n"), "{}", said.stderr);
}

#[test]
fn an_isolated_run_that_can_not_load_says_why() {
    let said = Workplace::new().run(&["run", "--no-save", "--isolate", "--memory-limit", "1000"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("error: worker process: "), "{}", said.stderr);
    assert!(said.stderr.ends_with("bytes needed, 1000 allowed\n"), "{}", said.stderr);
}

#[cfg(unix)]
#[test]
fn a_folder_for_temporary_files_that_can_not_be_used_is_told() {
    let place = Workplace::new();
    place.file("file", b"");
    place.grey("grey.png");
    let long = "x".repeat(100);
    std::fs::create_dir(place.path(&long)).expect("a folder");
    for folder in ["nowhere", "file", &long] {
        let mut command = place.command(&["run", "grey.png", "--isolate", "--no-save", "--imgsz", "32"]);
        let said: support::Said = command.env("TMPDIR", place.path(folder)).output().expect("it starts").into();
        let errors: Vec<&str> = said.stderr.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert!(said.code == Some(2) && errors.len() == 1, "{said:?}");
        assert!(errors[0].contains("the folder for temporary files") && errors[0].contains("TMPDIR"), "{said:?}");
    }
}
