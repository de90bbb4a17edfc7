//! Videos through ffmpeg: without it a clear error, with it every frame in order.

mod support;

use std::process::Command;

use support::{Said, Workplace};

/// Makes a video with ffmpeg; whether there is one. CI must have it: what is skipped there is seen by nobody.
fn made(place: &Workplace, words: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(words).current_dir(place.path("."));
    match command.status() {
        Ok(status) => {
            assert!(status.success(), "ffmpeg can't make {words:?}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg: {error}");
            eprintln!("not tested: no ffmpeg on this machine");
            false
        }
    }
}

#[test]
fn without_ffmpeg_a_video_is_an_error_that_says_what_to_install() {
    let place = Workplace::new();
    place.file("clip.mp4", b"any bytes");
    place.grey("grey.png");
    let words = ["run", "clip.mp4", "grey.png", "--imgsz", "32", "--json", "--no-save"];
    let said: Said = place.command(&words).env("PATH", "").output().expect("it starts").into();
    assert_eq!(said.code, Some(2), "{said:?}");
    let lines = said.json();
    let advice = "videos and cameras need ffmpeg, which is not installed: apt install ffmpeg, or https://ffmpeg.org";
    assert_eq!((&lines[0]["error"], &lines[1]["image"]), (&advice.into(), &"grey.png".into()));
}

#[test]
fn a_video_becomes_a_video_of_as_many_frames() {
    let place = Workplace::new();
    // An odd height: the encoder wants even ones. Ten frames a second for a second.
    let source = ["-f", "lavfi", "-i", "testsrc=size=64x49:rate=10:duration=1", "-c:v", "mjpeg", "clip.avi"];
    if !made(&place, &source) {
        return;
    }
    let fast = ["--imgsz", "32", "--json"];
    let said = place.run(&[&["run", "clip.avi"][..], &fast].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let frames: Vec<u64> = said.json().iter().filter_map(|line| line["frame"].as_u64()).collect();
    assert_eq!(frames, (1..=10).collect::<Vec<_>>());
    assert_eq!((&said.json()[0]["time"], &said.json()[9]["time"]), (&0.0.into(), &0.9.into()), "{said:?}");
    assert_eq!(place.files("runs/detect/predict"), ["clip.mp4"]);
    // What was written is a video again, of ten frames.
    let said = place.run(&[&["run", "runs/detect/predict/clip.mp4", "--no-save"][..], &fast].concat());
    assert_eq!((said.code, said.json().len()), (Some(0), 10), "{said:?}");
    assert_eq!(said.json()[0]["height"], 50);
    let said = place.run(&[&["run", "clip.avi", "--no-save", "vid_stride=4"][..], &fast].concat());
    let kept: Vec<_> = said.json().iter().map(|line| (line["frame"].as_u64(), line["time"].as_f64())).collect();
    assert_eq!(kept, [(Some(1), Some(0.0)), (Some(5), Some(0.4)), (Some(9), Some(0.8))], "{said:?}");

    let bytes = std::fs::read(place.path("clip.avi")).expect("a file");
    place.file("cut.avi", &bytes[..bytes.len() / 2]);
    place.grey("after.png");
    let said = place.run(&[&["run", "cut.avi", "after.png", "--no-save"][..], &fast].concat());
    let lines = said.json();
    assert!(lines.len() > 3, "the frames before the cut: {said:?}");
    assert_eq!(lines.last().map(|line| &line["image"]), Some(&"after.png".into()));
}

const FAST: [&str; 4] = ["--imgsz", "32", "--json", "--no-save"];

#[test]
fn frames_beyond_the_budget_are_an_error_that_names_the_option() {
    let place = Workplace::new();
    let source = ["-f", "lavfi", "-i", "testsrc=size=1280x1000:rate=10:duration=0.2", "-c:v", "mpeg4", "large.mp4"];
    if !made(&place, &source) {
        return;
    }
    let said = place.run(&[&["run", "large.mp4", "--max-pixels", "1"][..], &FAST].concat());
    let error = said.json()[0]["error"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(
        said.code == Some(2) && error.ends_with("exceeds specified max pixel count 1000000 (--max-pixels)"),
        "{said:?}"
    );
    let said = place.run(&[&["run", "large.mp4", "--max-pixels", "2"][..], &FAST].concat());
    assert_eq!((said.code, said.json().len()), (Some(0), 2), "{said:?}");
}

#[test]
fn ten_bits_are_read_as_eight_and_over_stdin_a_video_is_the_same_as_in_a_file() {
    let place = Workplace::new();
    let lavfi = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5"];
    let matroska = ["-pix_fmt", "yuv420p10le", "-c:v", "ffv1", "deep.mkv"];
    // The head of an MP4 is written last: its frames can't be found as it comes.
    let mp4 = ["-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-movflags", "-faststart", "late.mp4"];
    if !made(&place, &[&lavfi[..], &matroska].concat()) || !made(&place, &[&lavfi[..], &mp4].concat()) {
        return;
    }
    for name in ["deep.mkv", "late.mp4"] {
        let from_file = place.run(&[&["run", name][..], &FAST].concat());
        assert_eq!((from_file.code, from_file.json().len()), (Some(0), 5), "{from_file:?}");
        let bytes = std::fs::read(place.path(name)).expect("a file");
        // As a pipe that has a name, too.
        for stdin in ["-", "/dev/stdin"] {
            let from_stdin = place.given(&[&["run", stdin][..], &FAST].concat(), &bytes);
            assert_eq!((from_stdin.code, from_stdin.json().len()), (Some(0), 5), "{from_stdin:?}");
            for (one, other) in from_file.json().iter().zip(&from_stdin.json()) {
                assert_eq!((&one["time"], &one["detections"]), (&other["time"], &other["detections"]), "{name}");
            }
        }
    }
}

#[test]
fn a_playlist_under_a_videos_name_leads_to_no_other_file() {
    let place = Workplace::new();
    let source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.2", "-c:v", "mjpeg", "secret.avi"];
    if !made(&place, &source) {
        return;
    }
    for (name, text) in [
        ("hls.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.avi\n#EXT-X-ENDLIST\n"),
        ("concat.mp4", "ffconcat version 1.0\nfile secret.avi\n"),
    ] {
        place.file(name, text.as_bytes());
        let said = place.run(&[&["run", name][..], &FAST].concat());
        assert_eq!((said.code, said.json().len()), (Some(2), 1), "{said:?}");
        assert!(said.json()[0]["error"].is_string(), "{said:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_silent_stream_is_given_up_and_its_ffmpeg_does_not_outlive_the_program() {
    use std::io::{BufRead, BufReader};
    use std::path::Path;

    let place = Workplace::new();
    if !made(&place, &["-f", "lavfi", "-i", "testsrc=duration=0.1", "-frames:v", "1", "any.png"]) {
        return;
    }
    // It takes connections, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let stream = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let said = place.run(&[&["run", &stream, "--stream-timeout", "3"][..], &FAST].concat());
    assert_eq!((said.code, &said.json()[0]["error"]), (Some(2), &"nothing has come for 3 s".into()), "{said:?}");

    let words = [&["run", &stream, "--stream-timeout", "3600"][..], &FAST].concat();
    let mut child = place.command(&words).spawn().expect("the program starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    // The word about the silence comes when ffmpeg has long been started.
    let is_waiting = |line: std::io::Result<String>| line.is_ok_and(|line| line.contains("nothing has come for 2 s"));
    assert!(stderr.any(is_waiting));
    let parent = format!("PPid:\t{}", child.id());
    let is_its_child = |folder: &Path| {
        std::fs::read_to_string(folder.join("status")).is_ok_and(|text| text.lines().any(|line| line == parent))
    };
    let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten().map(|entry| entry.path());
    let ffmpeg = processes.into_iter().find(|folder| is_its_child(folder)).expect("an ffmpeg");
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
    // What is gone but not waited for has no command line.
    while std::fs::read(ffmpeg.join("cmdline")).is_ok_and(|words| !words.is_empty()) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
