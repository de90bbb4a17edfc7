//! Where pictures come from: what a person names, as a list of sources, then as a sequence of items.
//!
//! ```text
//! words -> Sources -> Item, Item, ..
//! ```
//!
//! Expansion holds names, never pictures; a source that is missing or broken stays in its place and says so.

mod animation;
mod expand;
mod items;
mod list;
mod name;
mod video;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use yolov10_model::picture::decode_picture;

use crate::error::Error;

use expand::expand;
pub use name::file_name;
use video::Video;

/// Bytes of a picture file, or of a list, at most.
const LARGEST_FILE: u64 = 1 << 30;

/// Things to search, in the order given.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
    stride: NonZeroUsize,
}

/// How deep folders are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The folder alone.
    Folder,
    /// Its folders, too.
    Everything,
}

#[derive(Debug)]
enum Source {
    /// A file with a picture.
    Picture(PathBuf),
    /// A file that may have several frames.
    Animation(PathBuf),
    /// A video file, a stream or a camera.
    Video(Video),
    /// The address of a picture.
    Url(String),
    /// A picture file in memory.
    Bytes { name: &'static str, bytes: Cow<'static, [u8]> },
    /// Something that was named and is not to be had.
    Broken { name: String, error: Error },
}

/// A picture on its way, or whatever becomes of it; or why it is not to be had.
#[derive(Debug)]
pub struct Item<T, E = Error> {
    /// What it is known by.
    pub about: About,
    /// It.
    pub value: Result<T, E>,
}

/// What a picture is known by.
#[derive(Clone, Debug)]
pub struct About {
    /// The position of its source, from 1.
    pub index: usize,
    /// What results call it: the path as it was given, or as it was found.
    pub name: String,
    /// The name of what is written for its source, without folder and extension; no other source has it.
    pub stem: String,
    /// The extension of its name, in small letters; empty where it has none.
    pub extension: String,
    /// Where it stands in its source, if that has many.
    pub frame: Option<Frame>,
}

/// A place among the frames of one source.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// From 1.
    pub number: usize,
    /// How many there are, where that is known.
    pub total: Option<usize>,
    /// How long it is shown.
    pub shown: Duration,
}

/// A picture that may still have to be read.
#[derive(Debug)]
pub enum Content {
    /// A file.
    File(PathBuf),
    /// A file in memory.
    Bytes(Cow<'static, [u8]>),
    /// An address.
    Url(String),
    /// A frame of an animation.
    Frame(RgbImage),
}

impl Sources {
    /// What `words` name, in their order; a folder's and a pattern's in the order of their names.
    ///
    /// A word is a file, a folder, a pattern with `*`, `?` or `[`, a `.txt` or `.csv` list of any of these, `-` for a
    /// picture or a list on stdin, an http(s) address, or for an installed ffmpeg a video, a stream's address, or a
    /// camera's number. stdin is read here, everything else when its turn comes.
    pub fn expand<W: AsRef<Path>>(words: impl IntoIterator<Item = W>, depth: Depth) -> Self {
        Self::of(expand(words, depth))
    }

    /// A picture file in memory, and what results call it.
    pub fn picture(name: &'static str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self::of(vec![Source::Bytes { name, bytes }])
    }

    fn of(list: Vec<Source>) -> Self {
        Self { list, stride: NonZeroUsize::MIN }
    }

    /// Of videos and animations every `stride`th frame, the first one included.
    pub fn every(self, stride: NonZeroUsize) -> Self {
        Self { stride, ..self }
    }

    /// How many sources there are; one may have many pictures.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The pictures, one after another, yet to be decoded: that may be done elsewhere.
    pub fn items(self) -> impl Iterator<Item = Item<Content>> {
        items::items(self.list, self.stride)
    }

    /// The pictures, decoded one after another: upright, 8-bit RGB.
    pub fn pictures(self) -> impl Iterator<Item = Item<RgbImage>> {
        self.items().map(|item| item.then(|_, content| content.decode()))
    }
}

impl<T, E> Item<T, E> {
    /// The next work on it, unless it has failed before.
    pub fn then<U, F: From<E>>(self, work: impl FnOnce(&About, T) -> Result<U, F>) -> Item<U, F> {
        let value = match self.value {
            Ok(value) => work(&self.about, value),
            Err(error) => Err(error.into()),
        };
        Item { about: self.about, value }
    }
}

impl Source {
    /// What results call it.
    fn name(&self) -> String {
        match self {
            Self::Picture(path) | Self::Animation(path) => path.display().to_string(),
            Self::Video(video) => video.name.clone(),
            Self::Url(url) => url.clone(),
            Self::Bytes { name, .. } => (*name).to_owned(),
            Self::Broken { name, .. } => name.clone(),
        }
    }
}

impl About {
    /// The name of what is written for this picture alone, without folder and extension.
    pub fn file_stem(&self) -> String {
        match self.frame {
            Some(frame) => format!("{}_{}", self.stem, frame.number),
            None => self.stem.clone(),
        }
    }
}

impl Content {
    /// The picture: upright, 8-bit RGB.
    ///
    /// # Errors
    /// It can't be read, or is not a whole picture in a known format.
    pub fn decode(self) -> Result<RgbImage, Error> {
        let bytes = match self {
            Self::Frame(picture) => return Ok(picture),
            Self::Bytes(bytes) => bytes,
            Self::Url(url) => fetch(&url)?.into(),
            Self::File(path) => read_all(File::open(path)?)?.into(),
        };
        Ok(decode_picture(&bytes)?)
    }
}

#[cfg(feature = "web")]
fn fetch(url: &str) -> Result<Vec<u8>, Error> {
    crate::web::fetch(url, LARGEST_FILE)
}

#[cfg(not(feature = "web"))]
fn fetch(_: &str) -> Result<Vec<u8>, Error> {
    Err(Error::NoWeb)
}

/// Reads to the end, which must come before a limit that no picture file reaches.
fn read_all(reader: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Error::TooLarge { limit: LARGEST_FILE, found: None });
    }
    Ok(bytes)
}
