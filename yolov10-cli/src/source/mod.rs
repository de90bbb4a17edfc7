//! Where pictures come from: what a person names, as a list of sources, then as a sequence of items.
//!
//! ```text
//! words -> expand -> [Source] -> items -> Item, Item, ..
//! ```
//!
//! Expansion holds names, never pictures; a source that is missing or broken stays in its place and says so.

mod animation;
mod expand;
mod items;
mod list;
mod video;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use image::RgbImage;
use yolov10_model::decode_picture;

use crate::web;

pub use expand::{Depth, expand};
pub use items::items;
use video::Video;

/// Bytes of a picture file, or of a list, at most.
const LARGEST_FILE: u64 = 1 << 30;
/// One thing to search, in the order given.
#[derive(Debug)]
pub enum Source {
    /// A file with a picture.
    Picture(PathBuf),
    /// A file that may have several frames.
    Animation(PathBuf),
    /// A video file, a stream or a camera.
    Video(Video),
    /// The address of a picture.
    Url(String),
    /// A picture in memory.
    Bytes {
        /// What results call it.
        name: &'static str,
        /// The file.
        bytes: Cow<'static, [u8]>,
    },
    /// Something that was named and is not to be had.
    Broken {
        /// What results call it.
        name: String,
        /// Why.
        error: anyhow::Error,
    },
}

/// Something on its way through the stages of a run, or why it is not to be had.
#[derive(Debug)]
pub struct Item<T> {
    /// What it is known by.
    pub about: About,
    /// It.
    pub value: Result<T>,
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

impl<T> Item<T> {
    /// The next stage's work on it, unless it has failed before.
    pub fn then<U>(self, work: impl FnOnce(&About, T) -> Result<U>) -> Item<U> {
        let value = self.value.and_then(|value| work(&self.about, value));
        Item {
            about: self.about,
            value,
        }
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
    pub fn decode(self) -> Result<RgbImage> {
        let bytes = match self {
            Self::Frame(picture) => return Ok(picture),
            Self::Bytes(bytes) => bytes,
            Self::Url(url) => web::fetch(&url, LARGEST_FILE)?.into(),
            Self::File(path) => read_all(File::open(path)?)?.into(),
        };
        Ok(decode_picture(&bytes)?)
    }
}

/// Reads to the end, which must come before a limit that no picture file reaches.
fn read_all(reader: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= LARGEST_FILE,
        "expected at most {LARGEST_FILE} bytes, found more"
    );
    Ok(bytes)
}
