//! From sources to their pictures: videos and animations yield frames, and everything gets a unique name.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use yolov10_model::picture::{Budget, Frames};

use super::name::{Stems, stem_and_extension};
use super::sequence::{Moment, Moments, Sequence};
use super::{About, Content, Frame, Item, Source};
use crate::error::Error;
use crate::patience::Patience;

/// The places and names of sources that are part of a list.
#[derive(Debug, Default)]
pub struct Numbering {
    /// How many come before them.
    pub before: usize,
    /// The name of each in results, and the stem of its files; empty if the sources have names of their own.
    pub names: Vec<(String, String)>,
}

/// The pictures of some sources, one after another.
pub struct Pictures {
    waiting: VecDeque<Waiting>,
    /// How many sources come before those.
    before: usize,
    /// The name of each in results, and the stem of its files, unless the sources have names of their own.
    names: Vec<(String, String)>,
    /// The source whose frames are being read.
    current: Option<Playing>,
    stems: Stems,
    /// Take every so many frames of videos and animations.
    stride: NonZeroUsize,
    budget: Budget,
    patience: Patience,
}

/// A source whose turn has not come.
struct Waiting {
    index: usize,
    source: Source,
    /// Whether a list from a server named it: another list there could name itself.
    is_listed: bool,
}

/// A source whose frames are being read.
struct Playing {
    about: About,
    moments: Moments,
    total: Option<usize>,
    read: usize,
}

/// What a source turns out to be.
pub enum Opened {
    One(Content),
    Many(Sequence),
    /// A list that had to be fetched.
    List(Vec<Source>),
}

impl Pictures {
    pub fn new(
        sources: Vec<Source>,
        numbering: Numbering,
        stride: NonZeroUsize,
        budget: Budget,
        patience: Patience,
    ) -> Self {
        let Numbering { before, names } = numbering;
        let waiting = |(index, source)| Waiting { index, source, is_listed: false };
        let waiting = (before + 1..).zip(sources).map(waiting).collect();
        Self { waiting, before, names, current: None, stems: Stems::default(), stride, budget, patience }
    }

    /// What identifies a source. A list claims no name, because each of its sources has one.
    fn about(
        &mut self,
        index: usize,
        (name, extension): (String, Option<&str>),
        opened: &Result<Opened, Error>,
    ) -> About {
        let (stem, named) = stem_and_extension(&name);
        let extension = extension.map_or(named, str::to_owned);
        if let Some((name, stem)) = self.names.get(index - self.before - 1).cloned() {
            return About { index, name, stem, extension, frame: None, damage: None };
        }
        let stem = match opened {
            Ok(Opened::List(_)) => stem,
            opened => self.stems.claim(&stem, matches!(opened, Ok(Opened::Many(_)))),
        };
        About { index, name, stem, extension, frame: None, damage: None }
    }
}

impl Iterator for Pictures {
    type Item = Item<Content>;

    fn next(&mut self) -> Option<Item<Content>> {
        loop {
            if self.patience.cancel.is_cancelled() {
                return None;
            }
            if let Some(playing) = &mut self.current {
                match playing.next(self.stride) {
                    Some(item) => return Some(item),
                    None => self.current = None,
                }
                continue;
            }
            let Waiting { index, source, is_listed } = self.waiting.pop_front()?;
            let named = (source.name(), source.extension());
            let opened = source.open(&self.budget, &self.patience);
            let about = self.about(index, named, &opened);
            match opened {
                Ok(Opened::One(content)) => return Some(Item { about, value: Ok(content) }),
                Ok(Opened::Many(Sequence { moments, total })) => {
                    self.current = Some(Playing { about, moments, total, read: 0 });
                }
                // What such a list names may change between two tries.
                Ok(Opened::List(_)) if is_listed || !self.names.is_empty() => {
                    return Some(Item { about, value: Err(Error::NestedList) });
                }
                Ok(Opened::List(sources)) => {
                    let waiting = |source| Waiting { index, source, is_listed: true };
                    sources.into_iter().rev().for_each(|source| self.waiting.push_front(waiting(source)));
                }
                Err(Error::Cancelled) => return None,
                Err(error) => return Some(Item { about, value: Err(error) }),
            }
        }
    }
}

impl Playing {
    /// The next frame that is wanted: the first one, and then every so many.
    fn next(&mut self, stride: NonZeroUsize) -> Option<Item<Content>> {
        loop {
            let about = |frame| About { frame, ..self.about.clone() };
            let moment = match self.moments.next()? {
                Ok(moment) => moment,
                Err(Error::Cancelled) => return None,
                // If it can't be opened, the source has failed, not a frame.
                Err(error) if self.read == 0 => return Some(Item { about: about(None), value: Err(error) }),
                Err(error) => {
                    let number = self.read + 1;
                    let frame = Frame { number, total: self.total, at: None, shown: Duration::ZERO };
                    return Some(Item { about: about(Some(frame)), value: Err(error) });
                }
            };
            self.read += 1;
            if !(self.read - 1).is_multiple_of(stride.get()) {
                continue;
            }
            let Moment { content, at, shown } = moment;
            let shown = shown * u32::try_from(stride.get()).unwrap_or(u32::MAX);
            let frame = Frame { number: self.read, total: self.total, at: Some(at), shown };
            return Some(Item { about: about(Some(frame)), value: Ok(content) });
        }
    }
}

/// The frames of an animation.
pub fn animated(frames: Frames) -> Sequence {
    let total = frames.total();
    let moment = |frame: Result<yolov10_model::picture::Frame, _>| {
        let yolov10_model::picture::Frame { pixels, at, shown } = frame.map_err(Error::Frame)?;
        Ok(Moment { content: Content::Frame(pixels), at, shown })
    };
    Sequence { moments: Box::new(frames.map(moment)), total }
}
