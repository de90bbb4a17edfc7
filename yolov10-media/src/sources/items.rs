//! From sources to items: animations become frames, and everything gets a name of its own.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::animation::{self, Animation};
use super::name::{Stems, stem_and_extension};
use super::{About, Content, Frame, Item, Source};
use crate::error::Error;

/// The pictures of `sources`, one after another; of animations every `stride`th frame.
pub fn items(sources: Vec<Source>, stride: NonZeroUsize) -> impl Iterator<Item = Item<Content>> {
    let mut stems = Stems::default();
    sources.into_iter().zip(1..).flat_map(move |(source, index)| {
        let name = source.name();
        let (stem, extension) = stem_and_extension(&name);
        let about = About { index, name, stem: stems.claim(stem), extension, frame: None };
        match opened(source) {
            Ok(Opened::One(content)) => Items::One(Some(Item { about, value: Ok(content) })),
            Ok(Opened::Many(animation)) => Items::Many { about, animation, stride, read: 0 },
            Err(error) => Items::One(Some(Item { about, value: Err(error) })),
        }
    })
}

enum Opened {
    One(Content),
    Many(Animation),
}

fn opened(source: Source) -> Result<Opened, Error> {
    Ok(match source {
        Source::Picture(path) => Opened::One(Content::File(path)),
        Source::Animation(path) => match animation::open(&path)? {
            Some(animation) => Opened::Many(animation),
            None => Opened::One(Content::File(path)),
        },
        Source::Video(video) => Opened::Many(video.open()?),
        Source::Url(url) => Opened::One(Content::Url(url)),
        Source::Bytes { bytes, .. } => Opened::One(Content::Bytes(bytes)),
        Source::Broken { error, .. } => return Err(error),
    })
}

/// What one source gives.
enum Items {
    One(Option<Item<Content>>),
    Many { about: About, animation: Animation, stride: NonZeroUsize, read: usize },
}

impl Iterator for Items {
    type Item = Item<Content>;

    fn next(&mut self) -> Option<Item<Content>> {
        match self {
            Self::One(item) => item.take(),
            Self::Many { about, animation, stride, read } => loop {
                let frame = animation.frames.next()?;
                *read += 1;
                // The first one is wanted; what is broken is told, wanted or not.
                if frame.is_ok() && !(*read - 1).is_multiple_of(stride.get()) {
                    continue;
                }
                let (value, shown) = match frame {
                    Ok((picture, shown)) => (Ok(Content::Frame(picture)), shown * stride.get() as u32),
                    Err(error) => (Err(error), Duration::ZERO),
                };
                let total = animation.total.map(|total| total.div_ceil(stride.get()));
                let frame = Some(Frame { number: (*read).div_ceil(stride.get()), total, shown });
                return Some(Item { about: About { frame, ..about.clone() }, value });
            },
        }
    }
}
