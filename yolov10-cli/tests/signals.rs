//! Signals: what is in flight is finished, nothing is left behind, and the exit code says which one it was.

#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use support::{FAST, Workplace};

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill is to be had").success());
}

/// A list of so many pictures that no run is done before something happens to it.
fn long_list(place: &Workplace) -> Vec<&'static str> {
    place.grey("grey.png");
    place.file("list.txt", "grey.png\n".repeat(100_000).as_bytes());
    [&["run", "list.txt", "--no-save", "--save-csv"][..], &FAST].concat()
}

/// Runs until the first line is there, sends the signals, and gives stdout, stderr and the exit code.
fn interrupted(mut command: Command, signals: &[&str]) -> (String, String, Option<i32>) {
    let mut child = command.spawn().expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut said = String::new();
    stdout.read_line(&mut said).expect("a line");
    signals.iter().for_each(|signal| send(signal, &child));
    stdout.read_to_string(&mut said).expect("text");
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    (said, stderr, child.wait().expect("it ends").code())
}

#[test]
fn every_signal_that_asks_to_end_finishes_what_is_in_flight() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let place = Workplace::new();
        let (stdout, stderr, found) = interrupted(place.command(&long_list(&place)), &[signal]);
        assert_eq!(found, Some(code), "{signal}: {stderr}");
        let lines: Vec<&str> = stdout.lines().collect();
        assert!(lines.len() < 100_000, "{signal}");
        assert_eq!(lines.last(), Some(&"Results saved to runs/detect/predict"));
        // A line per picture, then the times and the folder.
        let end = format!("note: interrupted after {} of 100000", lines.len() - 2);
        assert_eq!(stderr.lines().last(), Some(end.as_str()));
        assert_eq!(place.files("runs/detect/predict"), ["predictions.csv"]);
        let hidden = std::fs::read_dir(place.path("runs/detect/predict")).expect("a folder");
        assert_eq!(hidden.count(), 2, "the table and the ledger");
    }
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let place = Workplace::new();
    let mut words = vec!["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_yolo10-burn")];
    words.extend(long_list(&place));
    let mut command = Command::new("bash");
    command.args(words).current_dir(place.path(".")).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let (_, stderr, code) = interrupted(command, &["-HUP", "-TERM"]);
    assert_eq!(code, Some(143), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_file_sizes_ends_the_run_with_its_own_code() {
    let place = Workplace::new();
    place.street("a.jpg");
    place.file("list.txt", "a.jpg\n".repeat(50).as_bytes());
    let output = Command::new("bash")
        .args(["-c", "ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_yolo10-burn"), "run", "list.txt"])
        .args(FAST)
        .current_dir(place.path("."))
        .output()
        .expect("bash starts");
    assert_eq!(output.status.code(), Some(128 + 25), "{output:?}");
    assert!(place.files("runs").is_empty(), "{:?}", place.files("runs"));
}

#[test]
fn a_second_signal_ends_it_at_once_and_leaves_no_part_and_no_ffmpeg() {
    let place = Workplace::new();
    place.grey("grey.png");
    // An ffmpeg that gives frames for ever, and writes no film to its end.
    let ffmpeg = format!(
        "#!/bin/bash\n\
         for word; do [ \"$word\" = mp4 ] && {{ cat > /dev/null; echo $$ > {0}/pid; exec sleep 1000; }}; done\n\
         while printf 'P6\\n8 8\\n255\\n' && head -c 192 /dev/zero; do sleep 0.05; done\n",
        place.path(".").display()
    );
    let ffprobe = "#!/bin/bash\necho codec_type=video\necho avg_frame_rate=25/1\necho nb_frames=1000\n";
    for (name, script) in [("bin/ffmpeg", ffmpeg.as_str()), ("bin/ffprobe", ffprobe)] {
        place.file(name, script.as_bytes());
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(place.path(name), rights).expect("rights");
    }
    place.file("clip.avi", b"");
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").expect("a path"));
    let mut command = place.command(&[&["run", "clip.avi"][..], &FAST].concat());
    let mut child = command.env("PATH", path).spawn().expect("the program starts");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("a line");
    send("-INT", &child);
    // The film waits for its ffmpeg, which waits for nothing.
    let waited = Instant::now();
    let pid = loop {
        match std::fs::read_to_string(place.path("pid")) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
        assert!(waited.elapsed() < Duration::from_secs(60), "the film is not closed: {line}");
    };
    assert_eq!(child.try_wait().expect("it is ours"), None);
    send("-INT", &child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(!place.path("runs").exists(), "unfinished files are gone, and the folders for them");
    let waited = Instant::now();
    while Command::new("kill").args(["-0", &pid]).status().expect("kill is to be had").success() {
        assert!(waited.elapsed() < Duration::from_secs(10), "ffmpeg lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}
