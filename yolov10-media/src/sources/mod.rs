//! Where pictures come from: what a person names, as a list of sources, then as a sequence of items.
//!
//! ```text
//! words -> Sources -> Item, Item, ..
//! ```
//!
//! Expansion holds names, never pictures; a source that is missing or broken becomes an error in its place.

mod decoder;
mod expand;
mod frames;
mod list;
mod name;
mod pipe;
mod sequence;
mod source;
mod split;
mod video;
mod walk;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use yolov10_model::picture::{self, Budget, Picture};

use crate::error::Error;
use crate::patience::Patience;

use expand::{Expansion, expand};
use frames::{Numbering, Pictures};
pub use name::{file_key, file_name};
use source::{Source, unnamed};
pub use split::List;
use video::Video;

/// The most bytes of a list, or of stdin.
const LARGEST_FILE: u64 = 1 << 30;

/// Things to search, in the given order.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
    numbering: Numbering,
    passed_over: BTreeMap<String, usize>,
    stride: NonZeroUsize,
    budget: Budget,
    patience: Patience,
}

/// How deep to search folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Only the folder.
    Folder,
    /// Its subfolders too.
    Everything,
}

/// A picture, or what it became, or why it is not available.
#[derive(Debug)]
pub struct Item<T, E = Error> {
    /// What identifies it.
    pub about: About,
    /// The picture, or whatever it became.
    pub value: Result<T, E>,
}

/// What identifies a picture.
#[derive(Clone, Debug)]
pub struct About {
    /// The position of its source, from 1.
    pub index: usize,
    /// Its name in results: the path as it was given or found.
    pub name: String,
    /// The name for files about its source, without folder and extension; it is unique among the sources.
    pub stem: String,
    /// The extension of its name, in lower case; empty if it has none.
    pub extension: String,
    /// Its place in its source, if that has several frames.
    pub frame: Option<Frame>,
    /// What is wrong with it, if a part of it could not be read; known once it is decoded.
    pub damage: Option<String>,
}

/// A place among the frames of one source.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Its number in its source, from 1; frames that are left out count.
    pub number: usize,
    /// How many there are, if known.
    pub total: Option<usize>,
    /// Its time, counted from the first one; `None` if there was none.
    pub at: Option<Duration>,
    /// How long it is shown.
    pub shown: Duration,
}

/// A picture that may still have to be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Content {
    /// A file.
    File(PathBuf),
    /// A file that an installed ffmpeg reads.
    ByFfmpeg(PathBuf),
    /// A file in memory.
    Bytes(Cow<'static, [u8]>),
    /// A file on its way from a server.
    #[cfg(feature = "web")]
    Response(crate::web::Response),
    /// A frame of an animation.
    Frame(RgbImage),
}

impl Sources {
    /// What `words` name, in the given order; within a folder or a pattern, in order of names.
    ///
    /// A word is a file, a folder, a pattern with `*`, `?` or `[`, a `.txt` or `.csv` list of any of these, `-` for a
    /// picture, video or list on stdin, an http(s) address, or, with ffmpeg installed, a video, the address of a stream or
    /// the number of a camera. stdin is read here, everything else when its turn comes.
    pub fn expand<W: AsRef<Path>>(words: impl IntoIterator<Item = W>, depth: Depth) -> Self {
        Self::of(expand(words, depth))
    }

    /// A picture file in memory, and its name in results.
    pub fn picture(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let sources = vec![Source::Bytes { name: name.to_owned(), bytes: bytes.into() }];
        Self::of(Expansion { sources, ..Expansion::default() })
    }

    fn of(Expansion { sources, passed_over }: Expansion) -> Self {
        let (budget, patience) = (Budget::default(), Patience::default());
        Self {
            list: sources,
            numbering: Numbering::default(),
            passed_over,
            stride: NonZeroUsize::MIN,
            budget,
            patience,
        }
    }

    /// Takes every `stride`th frame of videos and animations, including the first.
    pub fn every(self, stride: NonZeroUsize) -> Self {
        Self { stride, ..self }
    }

    /// With another budget for each picture.
    pub fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// With another patience for cameras and servers, and a way to end waits.
    pub fn waiting(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// How many sources there are; one may have many pictures.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many come before them in the list that they are a part of.
    pub fn before(&self) -> usize {
        self.numbering.before
    }

    /// Those that are files; the ones in lists from the network are not known yet.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.list.iter().filter_map(Source::file)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The files in folders and patterns that are skipped because they do not have the extension of a picture or video: how
    /// many there are of each extension. Hidden files are not counted.
    pub fn passed_over(&self) -> &BTreeMap<String, usize> {
        &self.passed_over
    }

    /// The pictures, one after another, not yet decoded, so that it can be done elsewhere.
    pub fn items(self) -> impl Iterator<Item = Item<Content>> {
        Pictures::new(self.list, self.numbering, self.stride, self.budget, self.patience)
    }

    /// The pictures, decoded one after another: upright, 8-bit RGB.
    pub fn pictures(self) -> impl Iterator<Item = Item<RgbImage>> {
        let budget = self.budget;
        self.items().map(move |item| item.decode(&budget))
    }
}

impl Item<Content> {
    /// The picture: upright, 8-bit RGB. [`About::damage`] says if a part of it could not be read.
    pub fn decode(mut self, budget: &Budget) -> Item<RgbImage> {
        let value = self.value.and_then(|content| content.decode(budget)).map(|Picture { pixels, damage, .. }| {
            self.about.damage = damage;
            pixels
        });
        Item { about: self.about, value }
    }
}

impl<T, E> Item<T, E> {
    /// Does the next step of work on it, unless it has already failed.
    pub fn then<U, F: From<E>>(self, work: impl FnOnce(&About, T) -> Result<U, F>) -> Item<U, F> {
        let value = match self.value {
            Ok(value) => work(&self.about, value),
            Err(error) => Err(error.into()),
        };
        Item { about: self.about, value }
    }
}

impl About {
    /// The name for files about this picture, without folder and extension.
    pub fn file_stem(&self) -> String {
        match self.frame {
            Some(frame) => format!("{}_{}", self.stem, frame.number),
            None => self.stem.clone(),
        }
    }
}

impl Content {
    /// The picture, upright.
    ///
    /// # Errors
    /// It can't be read, is not a complete picture in a known format, or exceeds the budget.
    pub fn decode(self, budget: &Budget) -> Result<Picture, Error> {
        Ok(match self {
            Self::Frame(pixels) => Picture { pixels, damage: None },
            Self::Bytes(bytes) => picture::decode(&bytes, budget)?,
            #[cfg(feature = "web")]
            Self::Response(response) => picture::decode(&response.read_all(budget.bytes)?, budget)?,
            Self::File(path) => picture::open(&path, budget).map_err(unnamed)?,
            Self::ByFfmpeg(path) => Video::file(&path).first_frame(*budget)?,
        })
    }
}

/// Reads to the end, up to a limit that no picture file reaches.
fn read_all(reader: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Error::TooLarge { limit: LARGEST_FILE, found: None });
    }
    Ok(bytes)
}
