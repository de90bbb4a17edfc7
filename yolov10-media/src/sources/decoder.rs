//! A running ffmpeg, and what comes out of it.
//!
//! The thread that reads the frames also starts ffmpeg, and lives as long, so that whatever ends the process ends ffmpeg
//! too. Another thread reads its messages.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use image::RgbImage;
use yolov10_model::Size;
use yolov10_model::picture::Budget;

use super::Content;
use super::sequence::Moment;
use crate::error::Error;
use crate::ffmpeg;
use crate::patience::Patience;

/// Frames per second if ffmpeg does not say: that of most cameras.
const USUAL_RATE: f64 = 30.0;
/// A video that ffmpeg can't open,
const UNOPENED: &str = "it can't be opened";
/// and one that it complains about in the end.
const UNFINISHED: &str = "not everything could be decoded";
/// The longest wait for the line about a frame that has come: the line is written first.
const LINE_WAIT: Duration = Duration::from_secs(2);
/// How often to check whether a process that has closed its pipe has ended.
const GLANCE: Duration = Duration::from_millis(5);
/// How many frames may wait to be taken.
const QUEUE: usize = 1;
/// Bytes that a pixel takes in ffmpeg and here: decoded in ten bits and with full colour, as RGB, as PPM, in the pipe's reader.
const BYTES_PER_PIXEL: u64 = 20;
/// Begins what ffmpeg says of frames that are too large. What it says later only follows from this.
const TOO_LARGE: &str = "Picture size";

/// What ffmpeg reads.
pub struct Input {
    /// The part of its command line around `-i`.
    pub words: Vec<OsString>,
    /// Its name in results.
    pub name: String,
    /// The beginning of stdin, if it reads stdin.
    pub head: Option<Arc<Vec<u8>>>,
}

/// The frames of one run of ffmpeg, which ends when this is dropped.
pub struct Decoder {
    running: Running,
    frames: Receiver<Result<Moment, Error>>,
    name: String,
    patience: Patience,
    is_over: bool,
}

/// A process that both the thread of the frames and their reader can end.
#[derive(Clone)]
struct Running(Arc<Mutex<Child>>);

/// What ffmpeg says about a frame, or about all of them.
enum Line {
    Rate(f64),
    Frame { at: Option<Duration> },
    Complaint(String),
}

impl Decoder {
    /// Starts decoding.
    pub fn start(input: Input, budget: Budget, patience: Patience) -> Result<Self, Error> {
        let name = input.name.clone();
        let (sender, frames) = sync_channel(QUEUE);
        let (started, running) = channel();
        thread::Builder::new().name("frames".to_owned()).spawn(move || {
            let (running, pipes) = match run(&input, &budget) {
                Ok(pair) => pair,
                Err(error) => return drop(started.send(Err(error))),
            };
            if started.send(Ok(running.clone())).is_ok() {
                read(running, pipes, &input, &budget, &sender);
            } else {
                running.end();
            }
        })?;
        let gone = || Error::video(UNOPENED, "its thread is gone");
        let running = running.recv().map_err(|_| gone())??;
        Ok(Self { running, frames, name, patience, is_over: false })
    }
}

impl Iterator for Decoder {
    type Item = Result<Moment, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let received = self.patience.receive(&self.name, &self.frames).and_then(Option::transpose);
        self.is_over = !matches!(received, Ok(Some(_)));
        received.transpose()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.running.end();
    }
}

impl Running {
    fn end(&self) {
        // It may already have ended.
        self.lock().kill().ok();
    }

    /// Whether it succeeded; waits for its end, and lets others end it meanwhile.
    fn has_succeeded(&self) -> bool {
        loop {
            match self.lock().try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => {}
                Err(_) => return false,
            }
            thread::sleep(GLANCE);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

fn run(input: &Input, budget: &Budget) -> Result<(Running, Pipes), Error> {
    let mut child = ffmpeg::command("ffmpeg")
        .args(["-hide_banner", "-nostats", "-nostdin", "-v", "level+info", "-max_pixels"])
        .arg(budget.pixels.min(budget.bytes / BYTES_PER_PIXEL).min(i32::MAX as u64).to_string())
        .args(&input.words)
        .args(["-map", "0:v:0", "-vf", "showinfo=checksum=0", "-fps_mode", "passthrough"])
        // Without this, ffmpeg keeps ten bits and more.
        .args(["-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "-"])
        .stdin(if input.head.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ffmpeg::missing)?;
    let pipes = Pipes {
        stdin: child.stdin.take(),
        stdout: child.stdout.take().expect("it was asked for"),
        stderr: child.stderr.take().expect("it was asked for"),
    };
    Ok((Running(Arc::new(Mutex::new(child))), pipes))
}

/// Sends frames until there are no more or nobody takes them, then ffmpeg's complaint, if any.
fn read(running: Running, pipes: Pipes, input: &Input, budget: &Budget, sender: &SyncSender<Result<Moment, Error>>) {
    let (says, said) = channel();
    let helpers = feed(pipes.stdin, input.head.clone()).and_then(|()| {
        thread::Builder::new().name("ffmpeg's words".to_owned()).spawn(move || listen(pipes.stderr, &says))
    });
    let address = input.words.last().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    if let Err(error) = helpers {
        running.end();
        return drop(sender.send(Err(error.into())));
    }
    let pipe = BufReader::new(pipes.stdout);
    let mut frames = Frames { pipe, said, rate: USUAL_RATE, count: 0, complaint: None };
    let failure = loop {
        match frames.next(budget) {
            Ok(Some(moment)) => {
                if sender.send(Ok(moment)).is_err() {
                    running.end();
                    break None;
                }
            }
            Ok(None) => break None,
            Err(error) => {
                running.end();
                break Some(error);
            }
        }
    };
    let has_succeeded = running.has_succeeded();
    let end = failure.or_else(|| frames.complaint_at_end(has_succeeded));
    if let Some(mut error) = end {
        if let Error::Video { said, .. } = &mut error {
            // It repeats the address, including the password.
            *said = said.replace(&address, &input.name);
        }
        // If nobody listens any more, nobody wants to know.
        sender.send(Err(error)).ok();
    }
}

/// Passes stdin on, after the beginning that was already read.
fn feed(stdin: Option<ChildStdin>, head: Option<Arc<Vec<u8>>>) -> io::Result<()> {
    let (Some(mut stdin), Some(head)) = (stdin, head) else {
        return Ok(());
    };
    let copy = move || {
        // ffmpeg may have read enough, or have ended: it says so itself.
        stdin.write_all(&head).and_then(|()| io::copy(&mut io::stdin().lock(), &mut stdin)).ok();
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(copy).map(drop)
}

/// Passes on those of ffmpeg's lines that matter.
fn listen(stderr: ChildStderr, says: &Sender<Line>) {
    let mut stderr = BufReader::new(stderr);
    let mut bytes = Vec::new();
    // An endless line comes in pieces, which mean nothing.
    while (&mut stderr).take(1 << 16).read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        let line = understood(&String::from_utf8_lossy(&bytes));
        if line.is_some_and(|line| says.send(line).is_err()) {
            return;
        }
        bytes.clear();
    }
}

fn understood(line: &str) -> Option<Line> {
    if let Some((_, said)) = line.split_once("[error] ").or_else(|| line.split_once("[fatal] ")) {
        return Some(Line::Complaint(said.trim().to_owned()));
    }
    let (filter, facts) = line.split_once("[info] ")?;
    if !filter.contains("showinfo") {
        return None;
    }
    if let Some((_, rate)) = facts.split_once("frame_rate: ") {
        return parse_rate(rate.split_whitespace().next()?).map(Line::Rate);
    }
    let (_, at) = facts.split_once("pts_time:")?;
    let at = at.split_whitespace().next()?.parse().ok();
    Some(Line::Frame { at: at.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok()) })
}

/// `30000/1001`.
fn parse_rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once('/')?;
    let rate = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Keeps the last complaint, or the one that frames are too large.
fn complain(kept: &mut Option<String>, said: String) {
    if kept.as_ref().is_some_and(|kept| kept.starts_with(TOO_LARGE)) {
        return;
    }
    *kept = Some(match said.split_once(", see the documentation") {
        Some((too_large, _)) if said.starts_with(TOO_LARGE) => format!("{too_large} (--max-pixels)"),
        _ => said,
    });
}

/// The frames in the pipe, and what was said about them.
struct Frames {
    pipe: BufReader<ChildStdout>,
    said: Receiver<Line>,
    rate: f64,
    count: u32,
    complaint: Option<String>,
}

impl Frames {
    fn next(&mut self, budget: &Budget) -> Result<Option<Moment>, Error> {
        if self.pipe.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut line = || {
            let mut line = String::new();
            self.pipe.read_line(&mut line)?;
            Ok::<_, io::Error>(line)
        };
        let (magic, size, levels) = (line()?, line()?, line()?);
        let parsed = size
            .trim()
            .split_once(' ')
            .and_then(|(width, height)| Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?)));
        let parsed = parsed.filter(|_| magic.trim() == "P6" && levels.trim() == "255");
        let (width, height) =
            parsed.ok_or_else(|| Error::video(UNFINISHED, "ffmpeg sent something that is not a frame"))?;
        // This picture, and the one before it, which is being searched.
        budget.admit(Size { height: height as usize, width: width as usize }, 6.0, 0)?;
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        self.pipe.read_exact(&mut pixels).map_err(|_| Error::video(UNFINISHED, "the last frame is cut off"))?;
        let picture = RgbImage::from_raw(width, height, pixels).expect("the buffer has the picture's size");
        let at = self.time_of_frame();
        self.count += 1;
        Ok(Some(Moment { content: Content::Frame(picture), at, shown: Duration::from_secs_f64(1.0 / self.rate) }))
    }

    /// The time of the frame that was just read, as ffmpeg says or else by its number.
    fn time_of_frame(&mut self) -> Duration {
        while let Ok(line) = self.said.recv_timeout(LINE_WAIT) {
            match line {
                Line::Rate(rate) => self.rate = rate,
                Line::Complaint(said) => complain(&mut self.complaint, said),
                Line::Frame { at: Some(at) } => return at,
                Line::Frame { at: None } => break,
            }
        }
        Duration::from_secs_f64(f64::from(self.count) / self.rate)
    }

    /// ffmpeg's complaint at its end, if any.
    fn complaint_at_end(mut self, has_succeeded: bool) -> Option<Error> {
        // Its messages end when it does.
        for line in self.said {
            if let Line::Complaint(said) = line {
                complain(&mut self.complaint, said);
            }
        }
        let what = if self.count == 0 { UNOPENED } else { UNFINISHED };
        match self.complaint {
            Some(said) => Some(Error::Video { what, said }),
            None if !has_succeeded => Some(Error::video(what, "ffmpeg does not say why")),
            None if self.count == 0 => Some(Error::video(what, "it has no frames")),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_fractions() {
        assert_eq!(parse_rate("25/1"), Some(25.0));
        assert_eq!(parse_rate("30000/1001").map(f64::round), Some(30.0));
        for wrong in ["0/0", "1/0", "25", "a/b", "-1/1"] {
            assert_eq!(parse_rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn that_frames_are_too_large_is_kept_and_of_other_complaints_the_last() {
        let kept = |lines: &[&str]| {
            let mut kept = None;
            lines.iter().for_each(|line| complain(&mut kept, (*line).to_owned()));
            kept
        };
        assert_eq!(kept(&["no frame!", "Invalid argument"]).as_deref(), Some("Invalid argument"));
        let lines = ["Picture size 9x9 exceeds specified max pixel count 8, see the documentation if", "no frame!"];
        let expected = "Picture size 9x9 exceeds specified max pixel count 8 (--max-pixels)";
        assert_eq!(kept(&lines).as_deref(), Some(expected));
    }

    #[test]
    fn of_ffmpegs_lines_those_about_frames_and_errors_are_understood() {
        let frame = "[Parsed_showinfo_0 @ 0x5] [info] n:   2 pts:   2048 pts_time:0.25    fmt:yuv420p10le\n";
        assert!(matches!(understood(frame), Some(Line::Frame { at: Some(at) }) if at == Duration::from_millis(250)));
        let untimed = "[Parsed_showinfo_0 @ 0x5] [info] n:   2 pts:   NOPTS pts_time:NOPTS   fmt:gray\n";
        assert!(matches!(understood(untimed), Some(Line::Frame { at: None })));
        let rate = "[Parsed_showinfo_0 @ 0x5] [info] config in time_base: 1/10, frame_rate: 10/1\n";
        assert!(matches!(understood(rate), Some(Line::Rate(rate)) if rate == 10.0));
        let error = "[mov,mp4 @ 0x5] [error] moov atom not found\n";
        assert!(matches!(understood(error), Some(Line::Complaint(said)) if said == "moov atom not found"));
        assert!(understood("[info] Stream #0:0: Video: mjpeg, 10 fps\n").is_none());
        assert!(understood("").is_none());
    }
}
