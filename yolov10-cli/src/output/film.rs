//! Annotated animations and videos: frames in, a GIF or an MP4 file out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use gif::{Encoder, Frame, Repeat};
use image::RgbImage;
use yolov10_media::{About, ffmpeg};

use super::{OutputFile, RunFolder};

/// Of 1 to 30: the fastest at which colours still look right.
const GIF_SPEED: i32 = 10;
/// GIF counts time in these.
const GIF_TICK: Duration = Duration::from_millis(10);
/// Sources with these extensions become GIFs, which are written without ffmpeg.
const GIF_SOURCES: [&str; 2] = ["gif", "webp"];

/// The films of a run, one at a time: frames come in the order of their sources.
#[derive(Default)]
pub struct Films(Option<Current>);

struct Current {
    /// Of its source.
    index: usize,
    path: PathBuf,
    film: Film,
}

enum Film {
    Gif(Encoder<OutputFile>),
    Mp4(Mp4),
}

impl Films {
    /// Adds a frame to its source's film, and ends the film before.
    pub fn add(&mut self, folder: &RunFolder, about: &About, picture: RgbImage) -> Result<()> {
        if self.0.as_ref().is_some_and(|current| current.index != about.index) {
            self.finish()?;
        }
        let shown = about.frame.map_or(Duration::ZERO, |frame| frame.shown);
        let current = match &mut self.0 {
            Some(current) => current,
            none => none.insert(Current::start(folder, about, &picture, shown)?),
        };
        let Current { film, path, .. } = current;
        film.add(&picture, shown).with_context(|| path.display().to_string())
    }

    /// Ends the last film.
    pub fn finish(&mut self) -> Result<()> {
        let Some(Current { film, path, .. }) = self.0.take() else {
            return Ok(());
        };
        film.finish().with_context(|| path.display().to_string())
    }
}

impl Current {
    /// A GIF of what was a GIF or WebP, an MP4 of everything else.
    fn start(folder: &RunFolder, about: &About, first: &RgbImage, shown: Duration) -> Result<Self> {
        let is_gif = GIF_SOURCES.contains(&&*about.extension);
        let extension = if is_gif { "gif" } else { "mp4" };
        let path = folder.path().join(format!("{}.{extension}", about.stem));
        let film = if is_gif { Film::gif(&path, first) } else { Mp4::start(&path, first, shown).map(Film::Mp4) };
        let film = film.with_context(|| path.display().to_string())?;
        Ok(Self { index: about.index, path, film })
    }
}

impl Film {
    fn gif(path: &Path, first: &RgbImage) -> Result<Self> {
        let [width, height] = gif_size(first)?;
        let mut encoder = Encoder::new(OutputFile::create(path)?, width, height, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        Ok(Self::Gif(encoder))
    }

    fn add(&mut self, picture: &RgbImage, shown: Duration) -> Result<()> {
        match self {
            Self::Gif(encoder) => {
                let [width, height] = gif_size(picture)?;
                let mut frame = Frame::from_rgb_speed(width, height, picture, GIF_SPEED);
                frame.delay = u16::try_from(shown.as_millis() / GIF_TICK.as_millis()).unwrap_or(u16::MAX);
                Ok(encoder.write_frame(&frame)?)
            }
            Self::Mp4(film) => film.add(picture),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Gif(encoder) => encoder.into_inner()?.keep(),
            Self::Mp4(film) => film.finish(),
        }
    }
}

fn gif_size(picture: &RgbImage) -> Result<[u16; 2]> {
    let side =
        |side: u32| u16::try_from(side).with_context(|| format!("a GIF has at most 65535 pixels a side, found {side}"));
    Ok([side(picture.width())?, side(picture.height())?])
}

/// A running ffmpeg that writes a video.
struct Mp4 {
    child: Child,
    /// Closed when the film is over.
    frames: ChildStdin,
    size: (u32, u32),
    file: OutputFile,
}

impl Mp4 {
    fn start(path: &Path, first: &RgbImage, shown: Duration) -> Result<Self> {
        let file = OutputFile::create(path)?;
        let size = first.dimensions();
        let mut child = ffmpeg::command("ffmpeg")
            .args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &format!("{}x{}", size.0, size.1)])
            .args(["-r", &format!("{:.6}", 1.0 / shown.as_secs_f64()), "-i", "-"])
            // Players want colours at half the size, which must be whole.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4"])
            .arg(file.temporary_path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(ffmpeg::missing)?;
        let frames = child.stdin.take().expect("it was asked for");
        Ok(Self { child, frames, size, file })
    }

    fn add(&mut self, picture: &RgbImage) -> Result<()> {
        let (size, expected) = (picture.dimensions(), self.size);
        ensure!(size == expected, "the film's frames have {expected:?} pixels, found {size:?}");
        self.frames.write_all(picture).map_err(|error| anyhow!("ffmpeg stopped writing the video: {error}"))
    }

    fn finish(self) -> Result<()> {
        let Self { mut child, frames, file, .. } = self;
        drop(frames);
        let status = child.wait()?;
        ensure!(status.success(), "ffmpeg could not write the video: {status}");
        file.keep()
    }
}
