//! One thing that was named, and how it is opened when its turn comes.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use yolov10_model::picture::{self, Budget, Frames, Kind};

use super::Content;
use super::frames::{Opened, animated};
use super::pipe;
use super::video::{self, Video};
use crate::error::Error;
use crate::patience::Patience;

#[derive(Debug)]
pub enum Source {
    /// A file with a picture.
    Picture(PathBuf),
    /// A file that may have several frames.
    Animation(PathBuf),
    /// A picture that ffmpeg reads.
    ByFfmpeg(PathBuf),
    /// A video file, a stream or a camera.
    Video(Video),
    /// An address on the web; the server says what is there.
    Url(String),
    /// A picture file in memory.
    Bytes { name: String, bytes: Cow<'static, [u8]> },
    /// Something that was named but is not available.
    Broken { name: String, error: Error },
}

impl Source {
    /// Its name in results.
    pub fn name(&self) -> String {
        match self {
            Self::Picture(path) | Self::Animation(path) | Self::ByFfmpeg(path) => path.display().to_string(),
            Self::Video(video) => video.name.clone(),
            Self::Url(url) => crate::address::without_credentials(url).into_owned(),
            Self::Bytes { name, .. } | Self::Broken { name, .. } => name.clone(),
        }
    }

    /// Its path, if it is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Picture(path) | Self::Animation(path) | Self::ByFfmpeg(path) => Some(path),
            Self::Video(video) => video.path(),
            Self::Url(_) | Self::Bytes { .. } | Self::Broken { .. } => None,
        }
    }

    /// The extension, if its name has none.
    pub fn extension(&self) -> Option<&'static str> {
        match self {
            Self::Bytes { name, bytes } if !name.contains('.') => Kind::of(bytes).map(Kind::extension),
            _ => None,
        }
    }

    /// What it turns out to be.
    pub fn open(self, budget: &Budget, patience: &Patience) -> Result<Opened, Error> {
        Ok(match self {
            Self::Picture(path) | Self::Animation(path) if pipe::is_pipe(&path) => {
                let bytes = pipe::read(&path, budget.bytes, patience)?;
                if Kind::of(&bytes).is_none() && video::recognize(&bytes).is_some() {
                    let mut file = NamedTempFile::new()?;
                    file.write_all(&bytes)?;
                    return Ok(Opened::Many(
                        Video::spooled(&path.display().to_string(), file).open(*budget, patience)?,
                    ));
                }
                open_bytes(bytes.into(), budget)?
            }
            Self::Picture(path) => Opened::One(Content::File(path)),
            Self::Animation(path) => {
                let bytes = picture::read(&path, budget).map_err(unnamed)?;
                match Frames::open(bytes, budget) {
                    Ok(Some(frames)) => Opened::Many(animated(frames)),
                    // A file that is broken from the start is left to the picture decoder, whose messages are better.
                    Ok(None) | Err(yolov10_model::Error::NotAPicture(_)) => Opened::One(Content::File(path)),
                    Err(error) => return Err(error.into()),
                }
            }
            Self::ByFfmpeg(path) => Opened::One(Content::ByFfmpeg(path)),
            Self::Video(video) => Opened::Many(video.open(*budget, patience)?),
            Self::Url(url) => open_url(&url, budget, patience)?,
            Self::Bytes { bytes, .. } => open_bytes(bytes, budget)?,
            Self::Broken { error, .. } => return Err(error),
        })
    }
}

/// An animation or a picture.
fn open_bytes(bytes: Cow<'static, [u8]>, budget: &Budget) -> Result<Opened, Error> {
    let is_animated = matches!(Kind::of(&bytes), Some(Kind::Gif | Kind::WebP));
    let frames = if is_animated { Frames::open(bytes.clone(), budget) } else { Ok(None) };
    match frames {
        Ok(Some(frames)) => Ok(Opened::Many(animated(frames))),
        Ok(None) | Err(yolov10_model::Error::NotAPicture(_)) => Ok(Opened::One(Content::Bytes(bytes))),
        Err(error) => Err(error.into()),
    }
}

/// A picture's error without its path, which results already show as its name.
pub fn unnamed(error: yolov10_model::Error) -> Error {
    match error {
        yolov10_model::Error::Unreadable { source, .. } => source.into(),
        other => other.into(),
    }
}

/// Opens what a server sends: its first bytes tell what it is if they can, otherwise its content type.
#[cfg(feature = "web")]
fn open_url(url: &str, budget: &Budget, patience: &Patience) -> Result<Opened, Error> {
    use super::expand::is_video_address;
    use super::sequence::{Progress, Sequence, Stream};
    use super::{LARGEST_FILE, list};
    use crate::web::{self, Parts};

    let name = crate::address::without_credentials(url).into_owned();
    let response = web::open(url, &name, patience)?;
    let limit = usize::try_from(budget.bytes).unwrap_or(usize::MAX);
    let mut response = match Parts::of(response, limit) {
        Ok(parts) => {
            let (url, again) = (url.to_owned(), patience.clone());
            let called = name.clone();
            let connect = move || {
                let response = web::open(&url, &called, &again)?;
                let parts = Parts::of(response, limit);
                let no_longer = || Error::NotAStream { reason: "the server sends something else now".to_owned() };
                Ok(shots(parts.map_err(|_| no_longer())?))
            };
            let moments = Some(shots(parts));
            let patience = patience.clone();
            let stream = Stream { name, patience, connect, moments, progress: Progress::default() };
            return Ok(Opened::Many(Sequence { moments: Box::new(stream), total: None }));
        }
        Err(response) => *response,
    };
    let kind = response.content_type.clone().unwrap_or_default().to_lowercase();
    let says = |begins: &str| kind.starts_with(begins);
    let head = response.peek(512)?;
    if let Some(picture) = Kind::of(head) {
        return match picture {
            Kind::Gif | Kind::WebP => open_bytes(response.read_all(budget.bytes)?.into(), budget),
            _ => Ok(Opened::One(Content::Response(response))),
        };
    }
    let is_playlist = head.starts_with(b"#EXTM3U");
    let is_text = says("text/plain") || says("text/csv");
    let is_video = says("video/") || video::recognize(head).is_some();
    if is_playlist || is_video || (is_video_address(url) && !is_text && !says("text/html")) {
        drop(response);
        return Ok(Opened::Many(Video::remote(url, &name).open(*budget, patience)?));
    }
    if is_text {
        let text = list::text(response.read_all(LARGEST_FILE)?)?;
        let words = if says("text/csv") { list::column(&text)? } else { list::lines(&text)? };
        if words.is_empty() {
            return Err(Error::EmptyList);
        }
        return Ok(Opened::List(words.into_iter().map(super::expand::from_network).collect()));
    }
    // The decoder recognises HTML pages, HEIC and so on.
    Ok(Opened::One(Content::Response(response)))
}

/// A camera's pictures, each with the time when it came.
#[cfg(feature = "web")]
fn shots(mut parts: crate::web::Parts) -> super::sequence::Moments {
    use std::time::{Duration, Instant};

    /// How long each picture is shown in a film: these cameras do not say their rate.
    const SHOWN: Duration = Duration::from_millis(40);
    let mut first = None;
    Box::new(std::iter::from_fn(move || {
        let part = parts.next_part().transpose()?;
        let at = first.get_or_insert_with(Instant::now).elapsed();
        Some(part.map(|bytes| super::sequence::Moment { content: Content::Bytes(bytes.into()), at, shown: SHOWN }))
    }))
}

#[cfg(not(feature = "web"))]
fn open_url(url: &str, budget: &Budget, patience: &Patience) -> Result<Opened, Error> {
    if super::expand::is_video_address(url) {
        return Ok(Opened::Many(
            Video::remote(url, &crate::address::without_credentials(url)).open(*budget, patience)?,
        ));
    }
    Err(Error::NoWeb)
}
