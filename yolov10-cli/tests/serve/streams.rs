//! Answers that go on: a video's lines, a source's pictures.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use yolov10_model::picture::decode_picture;

use crate::client::{Server, read, waits_until};
use crate::{OBJECTS, STREET, model, weights};

/// How long an unload waits for work that does not end.
const DRAIN: Duration = Duration::from_secs(30);

/// A folder with so many pictures of the street: a source without a pace of its own.
fn pictures(count: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for number in 0..count {
        fs::write(folder.path().join(format!("{number:03}.jpg")), STREET).expect("written");
    }
    folder
}

fn source(folder: &TempDir) -> String {
    format!("--source=street={}", folder.path().display())
}

/// Five frames of the street, if there is ffmpeg. CI must have it.
fn film(folder: &TempDir) -> Option<PathBuf> {
    let (still, clip) = (folder.path().join("street.jpg"), folder.path().join("clip.avi"));
    fs::write(&still, STREET).expect("written");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-loop", "1", "-framerate", "10"]).arg("-i").arg(still);
    command.args(["-frames:v", "5", "-vf", "scale=640:448", "-c:v", "mjpeg", "-q:v", "2"]).arg(&clip);
    match command.status() {
        Ok(status) => {
            assert!(status.success(), "ffmpeg can't make it");
            Some(clip)
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg: {error}");
            eprintln!("not tested: no ffmpeg on this machine");
            None
        }
    }
}

/// Lines of JSON, without what differs from run to run.
fn lines(text: &str) -> Vec<Value> {
    let line = |text: &str| {
        let mut line: Value = serde_json::from_str(text).expect("JSON");
        for volatile in ["ms", "image"] {
            line.as_object_mut().expect("an object").remove(volatile);
        }
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn a_video_is_the_lines_of_run_while_it_is_searched() {
    let folder = TempDir::new().expect("a folder");
    let Some(clip) = film(&folder) else { return };
    let mut run = Command::new(env!("CARGO_BIN_EXE_yolo10-burn"));
    run.args(["run", "--json", "--no-save", "--weights"]).arg(weights()).arg(&clip);
    let said = String::from_utf8(run.output().expect("it runs").stdout).expect("text");
    let expected = lines(&said);
    assert_eq!(expected.len(), 5);
    let server = Server::start(&[&model("n"), "--max-video", "10MB"]);
    let video = fs::read(&clip).expect("a file");
    let answer = server.post("/v1/models/n/video", &video);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")));
    assert_eq!(lines(&answer.text()), expected);
    let every_other = server.post("/v1/models/n/video?vid_stride=2&max_det=1", &video);
    let numbers: Vec<_> = lines(&every_other.text())
        .iter()
        .map(|line| (line["frame"].as_u64(), line["detections"].as_array().map(Vec::len)))
        .collect();
    assert_eq!(numbers, [1, 3, 5].map(|frame| (Some(frame), Some(1))));
    // A list of addresses is what ffmpeg would follow.
    for other in
        [b"#EXTM3U\nhttp://127.0.0.1/secret".as_slice(), b"ffconcat version 1.0\nfile /etc/passwd", STREET, b""]
    {
        let refused = server.post("/v1/models/n/video", other).error(400);
        assert!(refused.starts_with("expected a video as MP4"), "{refused}");
    }
    let broken = [b"\0\0\0\x18ftypisom".as_slice(), &[7; 2000]].concat();
    assert!(server.post("/v1/models/n/video", &broken).error(400).contains("video"));
    let large = server.ask("POST", "/v1/models/n/video", &[], &vec![0; 10_000_001]).error(413);
    assert_eq!(large, "expected a video of at most 10000000 bytes, found 10000001");
    assert_eq!(server.get("/v1/memory").json(200)["models"][0]["requests"], 0);
}

#[test]
fn a_view_is_jpegs_of_a_named_source_and_of_no_other() {
    let folder = pictures(3);
    let server = Server::start(&[&model("n"), &source(&folder)]);
    let view = server.get("/v1/models/n/view?source=street");
    assert_eq!(view.header("content-type"), Some("multipart/x-mixed-replace; boundary=frame"));
    let separator = b"--frame\r\n";
    let starts: Vec<usize> = (0..view.body.len()).filter(|start| view.body[*start..].starts_with(separator)).collect();
    assert_eq!(starts.len(), 3);
    let plain = decode_picture(STREET).expect("a picture");
    for start in starts {
        let part = &view.body[start..];
        let head = part.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let lines = std::str::from_utf8(&part[..head]).expect("text");
        let length = lines.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let jpeg = &part[head + 4..][..length.parse().expect("a number")];
        let drawn = decode_picture(jpeg).expect("a JPEG");
        assert_eq!(drawn.dimensions(), plain.dimensions());
        let other = drawn.pixels().zip(plain.pixels()).filter(|(one, other)| one.0[0].abs_diff(other.0[0]) > 80);
        assert!(other.count() > 1000, "there are boxes in it");
    }
    for unknown in ["other", "/etc/passwd", "../street", "0"] {
        let refused = server.get(&format!("/v1/models/n/view?source={unknown}")).error(404);
        assert_eq!(refused, format!("no source {unknown:?} was named: see --source"));
    }
    server.get("/v1/models/n/view").error(400);
}

#[test]
fn who_does_not_read_a_view_is_let_go() {
    let folder = pictures(64);
    let server = Server::start(&[&model("n"), &source(&folder), "--max-streams", "1", "--patience", "500ms"]);
    let view = server.send("GET", "/v1/models/n/view?source=street", &[], b"");
    waits_until(|| server.get("/v1/memory").json(200)["models"][0]["requests"] != 0);
    let refused = server.post("/v1/models/n/video", b"RIFF\0\0\0\0AVI ");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.error(429), "expected at most 1 videos and views at a time");
    // The socket's buffers fill, and nobody empties them.
    waits_until(|| server.post("/v1/models/n/video", b"RIFF\0\0\0\0AVI ").status != 429);
    drop(view);
    let found = server.post("/v1/models/n/detect", STREET).json(200);
    assert_eq!(found["detections"].as_array().expect("detections").len(), OBJECTS);
}

#[test]
fn an_unload_ends_a_view_and_does_not_wait_for_who_watches() {
    let folder = pictures(64);
    let server = Server::start(&[&model("n"), &source(&folder), "--patience", "1h"]);
    let view = server.send("GET", "/v1/models/n/view?source=street", &[], b"");
    waits_until(|| server.get("/v2/models/n/stats").json(200)["model_stats"][0]["inference_count"] != 0);
    let started = Instant::now();
    let freed = server.post("/v2/repository/models/n/unload", b"").json(200);
    assert!(started.elapsed() < DRAIN, "it waited for the view");
    assert_eq!((&freed["reason"], &freed["residue"]), (&json!("unloaded"), &json!(0)));
    assert_eq!(server.get("/v1/memory").json(200)["held"], 0);
    let seen = read(view);
    assert!(seen.body.windows(9).filter(|window| window == b"--frame\r\n").count() < 64, "it went on to the end");
}
