//! Videos, cameras and streams, decoded by an installed ffmpeg.
//!
//! ffmpeg sends the frames as PPM pictures through a pipe: each says its own size.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::iter;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use image::RgbImage;

use super::animation::Animation;
use crate::error::Error;
use crate::ffmpeg;

/// File names that end so are videos.
pub const VIDEO_EXTENSIONS: [&str; 13] =
    ["asf", "avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "webm", "wmv", "y4m"];
/// Addresses that start so are streams.
pub const STREAM_SCHEMES: [&str; 5] = ["rtsp://", "rtsps://", "rtmp://", "tcp://", "udp://"];
/// Frames per second of what does not say it: that of most cameras.
const USUAL_RATE: f64 = 30.0;
/// What has befallen a file that ffprobe refuses,
const NOT_A_VIDEO: &str = "not a video that ffmpeg can read";
/// a video that ffmpeg does not start with,
const UNOPENED: &str = "it can't be opened";
/// and one that ffmpeg complains about in the end.
const UNFINISHED: &str = "not everything could be decoded";
/// Bytes of what ffmpeg says that are kept.
const MOST_SAID: u64 = 1 << 16;

/// Something that ffmpeg can open.
#[derive(Clone, Debug)]
pub struct Video {
    /// What results call it.
    pub name: String,
    /// What stands before `-i` and after it on ffmpeg's command line.
    input: Vec<OsString>,
    /// Whether its length and rate can be asked for: that of a file can.
    is_file: bool,
}

impl Video {
    /// A file.
    pub fn file(path: &Path) -> Self {
        // The scheme keeps a name from being taken for an address, or for an option.
        let mut address = OsString::from("file:");
        address.push(path);
        Self { name: path.display().to_string(), input: vec!["-i".into(), address], is_file: true }
    }

    /// A stream at an address.
    pub fn stream(url: &str) -> Self {
        let over_tcp = url.starts_with("rtsp").then_some(["-rtsp_transport", "tcp"]);
        let input = over_tcp.into_iter().flatten().chain(["-i", url]).map(OsString::from).collect();
        Self { name: url.to_owned(), input, is_file: false }
    }

    /// A camera by its number.
    pub fn camera(number: u32) -> Self {
        let (format, device) = if cfg!(target_os = "macos") {
            ("avfoundation", number.to_string())
        } else {
            ("v4l2", format!("/dev/video{number}"))
        };
        let input = ["-f", format, "-i", &device].map(OsString::from).to_vec();
        Self { name: number.to_string(), input, is_file: false }
    }

    /// Starts decoding.
    pub fn open(&self) -> Result<Animation, Error> {
        let Facts { rate, total } = if self.is_file { self.probe()? } else { Facts { rate: USUAL_RATE, total: None } };
        let mut child = ffmpeg::command("ffmpeg")
            .args(["-v", "error", "-nostdin"])
            .args(&self.input)
            .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-c:v", "ppm", "-f", "image2pipe", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(ffmpeg::missing)?;
        let frames = BufReader::new(child.stdout.take().expect("it was asked for"));
        let stderr = child.stderr.take().expect("it was asked for");
        let said = thread::spawn(move || {
            let mut said = String::new();
            // What can't be read is not said; the exit code still is.
            stderr.take(MOST_SAID).read_to_string(&mut said).ok();
            said
        });
        let shown = Duration::from_secs_f64(1.0 / rate);
        let mut decoder = Decoder { child, frames, said: Some(said), shown };
        // What can't be opened is a source that failed, not a frame.
        let Some(first) = decoder.next_frame()? else {
            return Err(decoder.complaint(UNOPENED).unwrap_or(Error::video(UNOPENED, "it has no frames")));
        };
        let frames = iter::once(Ok((first, shown))).chain(decoder);
        Ok(Animation { frames: Box::new(frames), total })
    }

    /// Frames per second, and how many frames the container promises.
    fn probe(&self) -> Result<Facts, Error> {
        let output = ffmpeg::command("ffprobe")
            .args(["-v", "error", "-select_streams", "v:0", "-of", "default=noprint_wrappers=1"])
            .args(["-show_entries", "stream=avg_frame_rate,nb_frames"])
            .args(&self.input)
            .output()
            .map_err(ffmpeg::missing)?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(Error::video(NOT_A_VIDEO, ffmpeg::last_line(&said)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let rate =
            field("avg_frame_rate").ok_or_else(|| Error::video(NOT_A_VIDEO, "expected a video stream, found none"))?;
        let total = field("nb_frames").and_then(|number| number.parse().ok());
        Ok(Facts { rate: parse_rate(rate).unwrap_or(USUAL_RATE), total })
    }
}

struct Facts {
    rate: f64,
    total: Option<usize>,
}

/// `30000/1001`.
fn parse_rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once('/')?;
    let rate = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// A running ffmpeg and the pipe its frames come through.
struct Decoder {
    child: Child,
    frames: BufReader<ChildStdout>,
    /// Taken at the end.
    said: Option<JoinHandle<String>>,
    shown: Duration,
}

impl Decoder {
    fn next_frame(&mut self) -> Result<Option<RgbImage>, Error> {
        if self.frames.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut line = || {
            let mut line = String::new();
            self.frames.read_line(&mut line)?;
            Ok::<_, std::io::Error>(line)
        };
        let (magic, size, levels) = (line()?, line()?, line()?);
        let parsed = size
            .trim()
            .split_once(' ')
            .and_then(|(width, height)| Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?)));
        let parsed = parsed.filter(|_| magic.trim() == "P6" && levels.trim() == "255");
        let (width, height) =
            parsed.ok_or_else(|| Error::video(UNFINISHED, "ffmpeg sent something that is no frame"))?;
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        self.frames.read_exact(&mut pixels).map_err(|_| Error::video(UNFINISHED, "the last frame is cut off"))?;
        Ok(RgbImage::from_raw(width, height, pixels))
    }

    /// What ffmpeg has to say in the end, if anything.
    fn complaint(&mut self, what: &'static str) -> Option<Error> {
        let said = self.said.take()?.join().unwrap_or_default();
        let status = self.child.wait().ok()?;
        let is_silent = status.success() && said.trim().is_empty();
        (!is_silent).then(|| Error::video(what, ffmpeg::last_line(&said)))
    }
}

impl Iterator for Decoder {
    type Item = Result<(RgbImage, Duration), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_frame() {
            Ok(Some(picture)) => Some(Ok((picture, self.shown))),
            Ok(None) => self.complaint(UNFINISHED).map(Err),
            Err(error) => Some(Err(self.complaint(UNFINISHED).unwrap_or(error))),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
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
}
