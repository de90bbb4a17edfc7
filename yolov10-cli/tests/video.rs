//! Videos through ffmpeg: without it a clear error, with it every frame in order.

mod support;

use std::process::Command;

use support::{Said, Workplace};

fn ffmpeg(place: &Workplace, words: &[&str]) -> Option<bool> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(words).current_dir(place.path("."));
    command.status().ok().map(|status| status.success())
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
    if ffmpeg(&place, &source).is_none() {
        eprintln!("not tested: no ffmpeg on this machine");
        return;
    }
    let fast = ["--imgsz", "32", "--json"];
    let said = place.run(&[&["run", "clip.avi"][..], &fast].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let frames: Vec<u64> = said.json().iter().filter_map(|line| line["frame"].as_u64()).collect();
    assert_eq!(frames, (1..=10).collect::<Vec<_>>());
    assert_eq!(place.files("runs/detect/predict"), ["clip.mp4"]);
    // What was written is a video again, of ten frames.
    let said = place.run(&[&["run", "runs/detect/predict/clip.mp4", "--no-save"][..], &fast].concat());
    assert_eq!((said.code, said.json().len()), (Some(0), 10), "{said:?}");
    assert_eq!(said.json()[0]["height"], 50);
    let said = place.run(&[&["run", "clip.avi", "--no-save", "vid_stride=4"][..], &fast].concat());
    assert_eq!(said.json().len(), 3, "frames 1, 5 and 9 of ten: {said:?}");

    let bytes = std::fs::read(place.path("clip.avi")).expect("a file");
    place.file("cut.avi", &bytes[..bytes.len() / 2]);
    place.grey("after.png");
    let said = place.run(&[&["run", "cut.avi", "after.png", "--no-save"][..], &fast].concat());
    let lines = said.json();
    assert!(lines.len() > 3, "the frames before the cut: {said:?}");
    assert_eq!(lines.last().map(|line| &line["image"]), Some(&"after.png".into()));
}
