//! Annotated animations and videos: turns frames into a GIF or an MP4 file.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use gif::{Encoder, Frame, Repeat};
use image::RgbImage;
use yolov10_media::About;

use super::RunFolder;
use super::file::OutputFile;
use super::mp4::Mp4;

/// Speed of the encoder, from 1 to 30: the fastest at which colours still look right.
const GIF_SPEED: i32 = 10;
/// The unit of time in a GIF.
const GIF_TICK: Duration = Duration::from_millis(10);
/// Sources with these extensions become GIFs, which need no ffmpeg.
const GIF_SOURCES: [&str; 2] = ["gif", "webp"];

/// The films of a run, one at a time, as frames come in the order of their sources.
#[derive(Default)]
pub struct Films {
    current: Option<Current>,
    /// Index of the source whose film could not be written.
    failed: Option<usize>,
}

struct Current {
    /// Index of the film's source.
    index: usize,
    path: PathBuf,
    film: Film,
}

enum Film {
    Gif(Encoder<OutputFile>),
    Mp4(Mp4),
}

impl Films {
    /// Adds a frame to its source's film, and ends the previous film. A film that fails is reported once and abandoned.
    pub fn add(&mut self, folder: &RunFolder, about: &About, picture: &RgbImage) -> Result<()> {
        if self.has_failed(about.index) {
            return Ok(());
        }
        if self.current.as_ref().is_some_and(|current| current.index != about.index) {
            self.finish()?;
        }
        let shown = about.frame.map_or(Duration::ZERO, |frame| frame.shown);
        let added = self.current(folder, about, picture, shown).and_then(|Current { film, path, .. }| {
            film.add(picture, shown).with_context(|| path.display().to_string())
        });
        if added.is_err() {
            self.failed = Some(about.index);
            self.current = None;
        }
        added
    }

    /// Whether the film of this source could not be written.
    pub fn has_failed(&self, index: usize) -> bool {
        self.failed == Some(index)
    }

    /// Ends the last film.
    pub fn finish(&mut self) -> Result<()> {
        let Some(Current { film, path, .. }) = self.current.take() else {
            return Ok(());
        };
        film.finish().with_context(|| path.display().to_string())
    }

    /// The film of this source, started if necessary: a GIF if the source is a GIF or WebP, otherwise an MP4.
    fn current(
        &mut self,
        folder: &RunFolder,
        about: &About,
        first: &RgbImage,
        shown: Duration,
    ) -> Result<&mut Current> {
        Ok(match &mut self.current {
            Some(current) => current,
            none => {
                let is_gif = GIF_SOURCES.contains(&&*about.extension);
                let file = folder.file(&format!("{}.{}", about.stem, if is_gif { "gif" } else { "mp4" }))?;
                let path = file.path().to_owned();
                let film = if is_gif { Film::gif(file, first) } else { Mp4::start(file, first, shown).map(Film::Mp4) };
                let film = film.with_context(|| path.display().to_string())?;
                none.insert(Current { index: about.index, path, film })
            }
        })
    }
}

impl Film {
    fn gif(file: OutputFile, first: &RgbImage) -> Result<Self> {
        let [width, height] = gif_size(first)?;
        let mut encoder = Encoder::new(file, width, height, &[])?;
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
