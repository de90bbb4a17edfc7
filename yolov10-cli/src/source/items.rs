//! From sources to items: animations become frames, and everything gets a name of its own.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::animation::{self, Animation};
use super::{About, Content, Frame, Item, Source};

/// The pictures of `sources`, one after another; of animations every `stride`th frame.
pub fn items(sources: Vec<Source>, stride: NonZeroUsize) -> impl Iterator<Item = Item<Content>> {
    let mut stems = Stems::default();
    sources
        .into_iter()
        .zip(1..)
        .flat_map(move |(source, index)| {
            let name = source.name();
            let (stem, extension) = file_name(&name);
            let about = About {
                index,
                name,
                stem: stems.claim(stem),
                extension,
                frame: None,
            };
            match opened(source) {
                Ok(Opened::One(content)) => Items::One(Some(Item {
                    about,
                    value: Ok(content),
                })),
                Ok(Opened::Many(animation)) => Items::Many {
                    about,
                    animation,
                    stride,
                    read: 0,
                },
                Err(error) => Items::One(Some(Item {
                    about,
                    value: Err(error),
                })),
            }
        })
}

enum Opened {
    One(Content),
    Many(Animation),
}

fn opened(source: Source) -> Result<Opened> {
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
    Many {
        about: About,
        animation: Animation,
        stride: NonZeroUsize,
        read: usize,
    },
}

impl Iterator for Items {
    type Item = Item<Content>;

    fn next(&mut self) -> Option<Item<Content>> {
        match self {
            Self::One(item) => item.take(),
            Self::Many {
                about,
                animation,
                stride,
                read,
            } => loop {
                let frame = animation.frames.next()?;
                *read += 1;
                // The first one is wanted; what is broken is told, wanted or not.
                if frame.is_ok() && !(*read - 1).is_multiple_of(stride.get()) {
                    continue;
                }
                let (value, shown) = match frame {
                    Ok((picture, shown)) => {
                        (Ok(Content::Frame(picture)), shown * stride.get() as u32)
                    }
                    Err(error) => (Err(error), Duration::ZERO),
                };
                let total = animation.total.map(|total| total.div_ceil(stride.get()));
                let frame = Some(Frame {
                    number: (*read).div_ceil(stride.get()),
                    total,
                    shown,
                });
                return Some(Item {
                    about: About {
                        frame,
                        ..about.clone()
                    },
                    value,
                });
            },
        }
    }
}

/// The names that are taken, each with the number to try when it is asked for again.
#[derive(Default)]
struct Stems(HashMap<String, usize>);

impl Stems {
    /// This stem, with a number where another source had it before.
    fn claim(&mut self, stem: String) -> String {
        let mut free = stem.clone();
        while self.0.contains_key(&free) {
            let number = self.0.entry(stem.clone()).or_insert(2);
            free = format!("{stem}-{number}");
            *number += 1;
        }
        self.0.insert(free.clone(), 2);
        free
    }
}

/// Stem and extension of what is written for a source of this name: addresses and `-` are names, too.
fn file_name(name: &str) -> (String, String) {
    let path = Path::new(match name.split_once("://") {
        Some((_, address)) => address.split(['?', '#']).next().unwrap_or(address),
        None => name,
    });
    let is_harmful = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
    let part = |part: Option<&OsStr>| {
        part.unwrap_or_default()
            .to_string_lossy()
            .replace(is_harmful, "_")
    };
    let stem = match part(path.file_stem()) {
        stem if stem == "-" => "stdin".to_owned(),
        stem if stem.is_empty() => "picture".to_owned(),
        stem => stem,
    };
    (stem, part(path.extension()).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_name_get_names_of_their_own() {
        let mut stems = Stems::default();
        let claimed = ["bus", "bus", "bus-2", "bus"].map(|stem| stems.claim(stem.to_owned()));
        assert_eq!(claimed, ["bus", "bus-2", "bus-2-2", "bus-3"]);
    }

    #[test]
    fn every_kind_of_name_has_a_stem() {
        for (name, stem, extension) in [
            ("a/bus.JPG", "bus", "jpg"),
            ("https://example.org/a/bus.jpg?size=large#top", "bus", "jpg"),
            ("https://example.org/", "example", "org"),
            ("rtsp://camera:554/live", "live", ""),
            ("-", "stdin", ""),
            ("0", "0", ""),
            ("..", "picture", ""),
            ("a:b.png", "a_b", "png"),
        ] {
            assert_eq!(
                file_name(name),
                (stem.to_owned(), extension.to_owned()),
                "{name}"
            );
        }
    }
}
