//! A list that is searched in parts: the parts of whichever tries, merged, are the bytes of one undisturbed run.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Said, Workplace};

/// A small input, sure of little: what is found does not matter here, that it is the same does.
const SEARCH: [&str; 7] = ["run", "--imgsz", "320", "--conf", "0.05", "--threads", "1"];
/// How many runs are killed; more by this variable.
const KILLS: &str = "YOLO10_BURN_KILLS";
const USUAL_KILLS: usize = 12;

/// Pictures, one of them twice under different folders, one broken, one missing.
fn listed(place: &Workplace) {
    for name in ["a/street.jpg", "b/street.jpg", "c.jpg", "d.jpg"] {
        place.street(name);
    }
    place.grey("grey.png");
    place.file("broken.jpg", b"no picture at all");
    place.file(
        "list.txt",
        b"a/street.jpg\nbroken.jpg\n# a comment\nb/street.jpg\nmissing.jpg\ngrey.png\nc.jpg\nd.jpg\n",
    );
}

fn shard(place: &Workplace, shard: &str, out: &str, more: &[&str]) -> Said {
    place.run(&[&SEARCH[..], &["--list", "list.txt", "--shard", shard, "--out", out], more].concat())
}

fn json(place: &Workplace, name: &str) -> Value {
    serde_json::from_str(&place.text(name)).expect(name)
}

#[test]
fn merged_parts_are_the_bytes_of_one_run_and_the_rows_of_a_plain_one() {
    let place = Workplace::new();
    listed(&place);
    let labels = ["--save-txt", "--save-conf"];
    // In any order, and in any number of pieces.
    for part in ["2/3", "0/3", "1/3"] {
        let said = shard(&place, part, "parts", &labels);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.starts_with(&format!("shard {part} done: ")), "{said:?}");
    }
    assert_eq!(shard(&place, "0/1", "whole", &labels).code, Some(0));
    for out in ["parts", "whole"] {
        let said = place.run(&["merge", out]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains(" 7 rows, 2 errors, "), "{said:?}");
    }
    assert_eq!(place.text("parts/merged.jsonl"), place.text("whole/merged.jsonl"));

    let plain = place.run(&[&SEARCH[..], &["list.txt", "--json", "--no-save"], &labels].concat());
    let mut expected = plain.json();
    expected.iter_mut().filter_map(Value::as_object_mut).for_each(|row| drop(row.remove("ms")));
    let merged = place.text("parts/merged.jsonl");
    let rows: Vec<Value> = merged.lines().map(|row| serde_json::from_str(row).expect(row)).collect();
    assert_eq!(rows, expected);
    assert!(rows.iter().any(|row| row["detections"].as_array().is_some_and(|found| found.len() > 3)), "{merged}");

    let names = ["c.txt", "d.txt", "street-2.txt", "street.txt"];
    for folder in ["parts/labels", "whole/labels", "runs/detect/predict/labels"] {
        assert_eq!(place.files(folder), names);
        for name in names {
            assert_eq!(place.text(&format!("{folder}/{name}")), place.text(&format!("parts/labels/{name}")));
        }
    }
}

#[test]
fn broken_pictures_are_rows_and_counted_and_no_failure() {
    let place = Workplace::new();
    listed(&place);
    let said = shard(&place, "0/1", "out", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("error: missing.jpg: no such file or folder"), "{said:?}");
    let done = json(&place, "out/part-0-of-1.json");
    assert_eq!((&done["sources"], &done["rows"], &done["errors"]), (&7.into(), &7.into(), &2.into()));
    let rows = place.text("out/part-0-of-1.jsonl");
    assert_eq!(rows.lines().nth(3), Some(r#"{"image":"missing.jpg","error":"no such file or folder"}"#));
    assert_eq!(place.files("out"), ["manifest.json", "part-0-of-1.json", "part-0-of-1.jsonl"]);
}

#[test]
fn what_is_done_is_not_done_again_unless_its_rows_are_not_those_that_were_written() {
    let place = Workplace::new();
    listed(&place);
    shard(&place, "1/2", "out", &[]);
    let rows = place.text("out/part-1-of-2.jsonl");
    for path in ["c.jpg", "d.jpg", "grey.png"] {
        fs::remove_file(place.path(path)).expect("it is there");
    }
    let said = shard(&place, "1/2", "out", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.starts_with("shard 1/2 done before: "), "{said:?}");
    assert_eq!(place.text("out/part-1-of-2.jsonl"), rows);
    listed(&place);
    place.file("out/part-1-of-2.jsonl", &rows.as_bytes()[..rows.len() / 2]);
    let said = shard(&place, "1/2", "out", &[]);
    assert!(said.stdout.starts_with("shard 1/2 done: "), "{said:?}");
    assert_eq!(place.text("out/part-1-of-2.jsonl"), rows);
}

#[test]
fn a_run_that_differs_in_anything_is_refused_by_what_it_differs_in() {
    let place = Workplace::new();
    listed(&place);
    assert_eq!(shard(&place, "0/2", "out", &[]).code, Some(0));
    place.file("other.txt", b"a/street.jpg\n");
    place.file("other.safetensors", include_bytes!("../../assets/yolov10n-demo.safetensors"));
    let before = place.files("out");
    let refused: [(&[&str], &str); 5] = [
        (&["--shard", "1/3"], "shards: expected 3, found 2"),
        (&["--shard", "1/2", "--conf", "0.1"], "options.conf: expected 0.1"),
        (&["--shard", "1/2", "--classes", "person"], "options.classes: expected [\"person\"], found []"),
        (&["--shard", "1/2", "--isa", "portable", "--exact"], "options.exact: expected true, found false"),
        (&["--shard", "1/2", "--list", "other.txt"], "list.sha256: expected "),
    ];
    for (words, difference) in refused {
        let said = place.run(&[&SEARCH[..], &["--list", "list.txt", "--out", "out"], words].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(&format!("error: out/manifest.json: of another run: {difference}")), "{said:?}");
    }
    assert_eq!(place.files("out"), before);
    // Threads, batches and another name of the same weights change no row.
    let same = ["--batch", "3", "--threads", "2", "--weights", "other.safetensors"];
    let said = shard(&place, "1/2", "out", &same);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(place.run(&["merge", "out"]).code, Some(0));
}

#[test]
fn what_can_not_be_right_is_one_line_and_exit_code_2() {
    let place = Workplace::new();
    listed(&place);
    place.file("full/notes.txt", b"mine");
    let wrong: [(&[&str], &str); 6] = [
        (&["run", "--list", "list.txt", "--out", "out", "--shard", "2/2"], "expected I/N, with I from 0 to N - 1"),
        (&["run", "--list", "list.txt", "--out", "full"], "full: has notes.txt and no manifest.json"),
        (&["run", "--list", "nowhere.txt", "--out", "out"], "nowhere.txt: "),
        (&["run", "--list", "list.txt"], "--out"),
        (&["run", "--list", "list.txt", "--out", "out", "--save-csv"], "--save-csv"),
        (&["merge", "full"], "full: no manifest.json: not a folder of shards"),
    ];
    for (words, line) in wrong {
        let said = place.run(words);
        assert_eq!(said.code, Some(2), "{said:?}");
        let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(line), "{words:?}: {said:?}");
    }
    assert_eq!(place.files("full"), ["notes.txt"]);
    assert_eq!(shard(&place, "1/3", "out", &[]).code, Some(0));
    let said = place.run(&["merge", "out"]);
    assert_eq!((said.code, &*said.stderr), (Some(2), "error: out: 2 of 3 shards are not done: 0, 2\n"));
    assert!(!place.path("out/merged.jsonl").exists());
}

/// Serves the street under any address, so long as that has a query.
fn presigned() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    // Ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
            let is_signed = lines.next().is_some_and(|request| request.contains("?key="));
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let (status, body) = if is_signed { ("200 OK", support::STREET) } else { ("403 Forbidden", &b""[..]) };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
        }
    });
    address
}

#[test]
fn a_presigned_list_is_the_same_list_with_other_signatures_which_nothing_repeats() {
    let place = Workplace::new();
    let address = presigned();
    let list =
        |key: &str| format!("{address}/one.jpg?key={key}\n{address}/two.jpg?{key}\nhttp://127.0.0.1:1/x?{key}\n");
    let search = |shard: &str| {
        let words = [&SEARCH[..], &["--list", "list.txt", "--shard", shard, "--out", "out", "--save-txt"]].concat();
        let mut command = place.command(&words);
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        Said::from(command.output().expect("the program starts"))
    };
    let mut said = String::new();
    for (key, shard) in [("SECRET1", "0/2"), ("SECRET2", "1/2"), ("SECRET3", "0/2")] {
        place.file("list.txt", list(key).as_bytes());
        let Said { code, stdout, stderr } = search(shard);
        assert_eq!(code, Some(0), "{stderr}");
        said += &(stdout + &stderr);
    }
    assert!(said.contains("shard 0/2 done before"), "{said}");
    assert_eq!(place.run(&["merge", "out"]).code, Some(0));
    let rows = place.text("out/merged.jsonl");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect(row)).collect();
    assert_eq!(rows[0]["image"], format!("{address}/one.jpg"));
    assert_eq!(
        (&rows[1]["image"], &rows[1]["error"]),
        (&format!("{address}/two.jpg").into(), &"the server answered 403".into())
    );
    for name in place.files("out") {
        said += &(place.text(&format!("out/{name}")) + &name);
    }
    assert!(!said.contains("SECRET"), "{said}");
}

/// A number that looks like chance and is the same each time.
fn noise(seed: usize) -> u64 {
    let bits = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (bits ^ (bits >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}

/// Kills the program, as a scheduler or the kernel does.
fn kill_after(mut child: Child, time: Duration) -> bool {
    thread::sleep(time);
    child.kill().expect("it may have ended, which is no error");
    !child.wait().expect("it has ended").success()
}

#[test]
fn parts_that_are_killed_at_any_moment_end_up_the_same_bytes() {
    let place = Workplace::new();
    listed(&place);
    let labels = ["--save-txt"];
    let start = Instant::now();
    shard(&place, "0/1", "whole", &labels);
    // No part takes longer, so that many are killed on any machine.
    let longest = start.elapsed().as_micros() as u64;
    place.run(&["merge", "whole"]);
    let kills = std::env::var(KILLS).map_or(USUAL_KILLS, |kills| kills.parse().expect("a number"));
    let (mut killed, mut tried, mut round) = (0, 0, 0);
    while killed < kills {
        let out = format!("out{round}");
        for part in ["0/3", "1/3", "2/3"] {
            let words = [&SEARCH[..], &["--list", "list.txt", "--shard", part, "--out", &out], &labels].concat();
            // Twice at a time, too: some schedulers try again what they have only lost sight of.
            let tries: Vec<Child> = (0..2).map(|_| place.command(&words).spawn().expect("it starts")).collect();
            for child in tries {
                let time = Duration::from_micros(noise(tried) % longest);
                killed += usize::from(kill_after(child, time));
                tried += 1;
            }
        }
        for part in ["0/3", "1/3", "2/3"] {
            let said = shard(&place, part, &out, &labels);
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        let said = place.run(&["merge", &out]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(place.text(&format!("{out}/merged.jsonl")), place.text("whole/merged.jsonl"));
        let labels = place.files(&format!("{out}/labels"));
        assert_eq!(labels, place.files("whole/labels"));
        for name in labels {
            assert_eq!(place.text(&format!("{out}/labels/{name}")), place.text(&format!("whole/labels/{name}")));
        }
        // Nothing of those that were killed is left.
        assert!(!place.files(&out).iter().any(|name| name.contains(".yolo10-burn-")), "{:?}", place.files(&out));
        round += 1;
    }
    assert!(killed >= kills && round > 0, "{killed} killed in {round} rounds");
}
