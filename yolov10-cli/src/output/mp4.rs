//! Writes a video through ffmpeg.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use image::RgbImage;
use yolov10_media::ffmpeg;

use super::file::OutputFile;

/// Most bytes to read of ffmpeg's messages.
const MOST_SAID: u64 = 1 << 16;

/// An unfinished video that takes one frame after another. Dropped before it is finished, it leaves nothing behind.
pub struct Mp4 {
    /// Closed at the end of the film.
    frames: ChildStdin,
    encoder: Encoder,
    size: (u32, u32),
    file: OutputFile,
}

/// The ffmpeg process, killed on drop.
struct Encoder {
    child: Child,
    said: File,
}

impl Mp4 {
    /// Starts a video: all frames have the size of the first one, and each is shown for `shown`.
    pub fn start(file: OutputFile, first: &RgbImage, shown: Duration) -> Result<Self> {
        let size = first.dimensions();
        // A file, because nobody would read a pipe while frames are written.
        let scratch = file.temporary_path().parent().unwrap_or(Path::new("."));
        let said = tempfile::tempfile_in(scratch)?;
        let mut child = ffmpeg::command("ffmpeg")
            .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &format!("{}x{}", size.0, size.1)])
            .args(["-r", &format!("{:.6}", 1.0 / shown.as_secs_f64()), "-i", "-"])
            // Players expect colours at half the resolution, so both sides must be even.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4"])
            .arg(file.temporary_path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said.try_clone()?)
            .spawn()
            .map_err(ffmpeg::missing)?;
        let frames = child.stdin.take().expect("it was asked for");
        Ok(Self { frames, encoder: Encoder { child, said }, size, file })
    }

    pub fn add(&mut self, picture: &RgbImage) -> Result<()> {
        let (size, expected) = (picture.dimensions(), self.size);
        ensure!(size == expected, "the film's frames have {expected:?} pixels, found {size:?}");
        match self.frames.write_all(picture) {
            Ok(()) => Ok(()),
            Err(error) => {
                bail!("ffmpeg stopped writing the video: {}", self.encoder.last_words().unwrap_or(error.to_string()))
            }
        }
    }

    pub fn finish(self) -> Result<()> {
        let Self { mut encoder, frames, file, .. } = self;
        drop(frames);
        let status = encoder.child.wait()?;
        if !status.success() {
            bail!("ffmpeg could not write the video: {}", encoder.last_words().unwrap_or(status.to_string()));
        }
        file.keep()
    }
}

impl Encoder {
    /// The last line of ffmpeg's messages, if any.
    fn last_words(&mut self) -> Option<String> {
        // Its last messages are there once it has ended.
        self.child.kill().ok();
        self.child.wait().ok()?;
        let mut said = String::new();
        self.said.seek(SeekFrom::Start(0)).ok()?;
        (&self.said).take(MOST_SAID).read_to_string(&mut said).ok()?;
        said.trim().lines().last().map(str::to_owned)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
