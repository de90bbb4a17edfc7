//! From sources to items: animations become frames, and everything gets a name of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::animation::{self, Frames};
use super::{About, Content, Frame, Item, Source};

/// The pictures of `sources`, one after another, animations frame by frame.
pub fn items(sources: Vec<Source>) -> impl Iterator<Item = Item<Content>> {
    let mut stems = Stems::default();
    sources
        .into_iter()
        .zip(1..)
        .flat_map(move |(source, index)| {
            let (name, path, content) = opened(source);
            let stem = stems.claim(&path);
            let about = About {
                index,
                name,
                stem,
                frame: None,
            };
            match content {
                Opened::One(value) => Items::One(Some(Item { about, value })),
                Opened::Many(frames) => Items::Many {
                    about,
                    frames,
                    number: 0,
                },
            }
        })
}

enum Opened {
    One(Result<Content>),
    Many(Frames),
}

fn opened(source: Source) -> (String, PathBuf, Opened) {
    let (name, path, value) = match source {
        Source::Picture(path) => (
            path.display().to_string(),
            path.clone(),
            Ok(Content::File(path)),
        ),
        Source::Animation(path) => {
            let name = path.display().to_string();
            match animation::open(&path) {
                Ok(Some(frames)) => return (name, path, Opened::Many(frames)),
                Ok(None) => (name, path.clone(), Ok(Content::File(path))),
                Err(error) => (name, path, Err(error)),
            }
        }
        Source::Bytes { name, bytes } => {
            let path = if name == "-" { "stdin" } else { name };
            (name.to_owned(), path.into(), Ok(Content::Bytes(bytes)))
        }
        Source::Broken { name, error } => (name.clone(), name.into(), Err(error)),
    };
    (name, path, Opened::One(value))
}

enum Items {
    One(Option<Item<Content>>),
    Many {
        about: About,
        frames: Frames,
        number: usize,
    },
}

impl Iterator for Items {
    type Item = Item<Content>;

    fn next(&mut self) -> Option<Item<Content>> {
        match self {
            Self::One(item) => item.take(),
            Self::Many {
                about,
                frames,
                number,
            } => {
                let frame = frames.next()?;
                *number += 1;
                let (duration, value) = match frame {
                    Ok((picture, duration)) => (duration, Ok(Content::Frame(picture))),
                    Err(error) => (Duration::ZERO, Err(error)),
                };
                let frame = Some(Frame {
                    number: *number,
                    total: None,
                    duration,
                });
                Some(Item {
                    about: About {
                        frame,
                        ..about.clone()
                    },
                    value,
                })
            }
        }
    }
}

/// The names that are taken, each with the number to try when it is asked for again.
#[derive(Default)]
struct Stems(HashMap<String, usize>);

impl Stems {
    /// The stem of `path`, with a number where another source had it before.
    fn claim(&mut self, path: &Path) -> String {
        let stem = path
            .file_stem()
            .map_or("picture".into(), |stem| stem.to_string_lossy().into_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_name_get_names_of_their_own() {
        let mut stems = Stems::default();
        let claimed = ["a/bus.jpg", "b/bus.jpg", "bus-2.png", "bus.png"]
            .map(|path| stems.claim(Path::new(path)));
        assert_eq!(claimed, ["bus", "bus-2", "bus-2-2", "bus-3"]);
    }
}
