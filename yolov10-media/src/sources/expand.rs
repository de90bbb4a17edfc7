//! From words to sources: files, folders, patterns, lists, stdin.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::video::{STREAM_SCHEMES, VIDEO_EXTENSIONS, Video};
use super::{Depth, Source, list, read_all};
use crate::error::Error;

/// Stands for stdin.
const STDIN: &str = "-";
/// File names that end so are pictures.
const PICTURE_EXTENSIONS: [&str; 8] = ["bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp"];
/// File names that end so are lists of sources.
const LIST_EXTENSIONS: [&str; 2] = [TABLE_EXTENSION, "txt"];
/// The list that is a table.
const TABLE_EXTENSION: &str = "csv";
/// Pictures that may have several frames.
const ANIMATION_EXTENSIONS: [&str; 2] = ["gif", "webp"];
/// Addresses that start so are pictures, unless they end as videos do.
const WEB_SCHEMES: [&str; 2] = ["http://", "https://"];
/// What ends so names the pieces of a video.
const PLAYLIST_EXTENSION: &str = "m3u8";
/// The characters that make a word a pattern.
const PATTERN: [char; 3] = ['*', '?', '['];

/// The sources that `words` name, in their order; a folder's and a pattern's in the order of their names.
pub fn expand<W: AsRef<Path>>(words: impl IntoIterator<Item = W>, depth: Depth) -> Vec<Source> {
    let mut expansion = Expansion { depth, sources: Vec::new() };
    for word in words {
        expansion.add(word.as_ref(), ListsAre::Read);
    }
    expansion.sources
}

struct Expansion {
    depth: Depth,
    sources: Vec<Source>,
}

/// A list in a list could name itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListsAre {
    Read,
    Refused,
}

impl Expansion {
    /// Adds what `word` names; what can't be had is added as such.
    fn add(&mut self, word: &Path, lists: ListsAre) {
        if let Err(error) = self.try_add(word, lists) {
            self.add_broken(word, error);
        }
    }

    fn add_broken(&mut self, path: &Path, error: Error) {
        self.sources.push(Source::Broken { name: path.display().to_string(), error });
    }

    fn try_add(&mut self, word: &Path, lists: ListsAre) -> Result<(), Error> {
        if word == Path::new(STDIN) {
            return self.add_stdin(lists);
        }
        if word.is_dir() {
            return self.add_folder(word);
        }
        if word.exists() {
            return match lists {
                ListsAre::Read if has_extension(word, &LIST_EXTENSIONS) => self.add_list_file(word),
                ListsAre::Refused if has_extension(word, &LIST_EXTENSIONS) => Err(Error::NestedList),
                _ => {
                    self.add_file(word.to_owned());
                    Ok(())
                }
            };
        }
        let Some(text) = word.to_str() else {
            return Err(Error::NotFound);
        };
        self.add_other(text)
    }

    /// What is no file: an address, a camera's number, a pattern.
    fn add_other(&mut self, word: &str) -> Result<(), Error> {
        let starts_with = |schemes: &[&str]| schemes.iter().any(|scheme| word.starts_with(scheme));
        if starts_with(&WEB_SCHEMES) {
            let address = Path::new(word.split(['?', '#']).next().unwrap_or(word));
            let is_video = has_extension(address, &VIDEO_EXTENSIONS) || has_extension(address, &[PLAYLIST_EXTENSION]);
            self.sources.push(if is_video { Source::Video(Video::stream(word)) } else { Source::Url(word.to_owned()) });
        } else if starts_with(&STREAM_SCHEMES) {
            self.sources.push(Source::Video(Video::stream(word)));
        } else if let Ok(number) = word.parse() {
            self.sources.push(Source::Video(Video::camera(number)));
        } else if word.contains(PATTERN) {
            self.add_pattern(word)?;
        } else {
            return Err(Error::NotFound);
        }
        Ok(())
    }

    fn add_file(&mut self, path: PathBuf) {
        self.sources.push(if has_extension(&path, &VIDEO_EXTENSIONS) {
            Source::Video(Video::file(&path))
        } else if has_extension(&path, &ANIMATION_EXTENSIONS) {
            Source::Animation(path)
        } else {
            Source::Picture(path)
        });
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), Error> {
        let depth = match self.depth {
            Depth::Folder => 1,
            Depth::Everything => usize::MAX,
        };
        let before = self.sources.len();
        for entry in WalkDir::new(folder).max_depth(depth).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_searched(entry.path()) => {
                    self.add_file(entry.into_path());
                }
                Ok(_) => (),
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let circle = io::Error::other("a link to a folder that it is in");
                    self.add_broken(&path, error.into_io_error().unwrap_or(circle).into());
                }
            }
        }
        if self.sources.len() == before {
            return Err(Error::EmptyFolder { expected: PICTURE_EXTENSIONS.join(", ") });
        }
        Ok(())
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        let before = self.sources.len();
        for path in glob::glob(pattern)? {
            match path {
                Ok(path) if path.is_file() => self.add_file(path),
                Ok(_) => (),
                Err(error) => {
                    let path = error.path().to_owned();
                    self.add_broken(&path, io::Error::from(error).into());
                }
            }
        }
        if self.sources.len() == before {
            return Err(Error::NoMatch);
        }
        Ok(())
    }

    fn add_list_file(&mut self, path: &Path) -> Result<(), Error> {
        let text = String::from_utf8(read_all(File::open(path)?)?).map_err(Error::not_a_list)?;
        let words = if has_extension(path, &[TABLE_EXTENSION]) {
            list::column(&text).map_err(Error::not_a_list)?
        } else {
            list::lines(&text)
        };
        self.add_list(&words, path.parent().unwrap_or(Path::new("")))
    }

    fn add_list(&mut self, words: &[String], folder: &Path) -> Result<(), Error> {
        if words.is_empty() {
            return Err(Error::EmptyList);
        }
        for word in words {
            self.add(&beside(folder, word), ListsAre::Refused);
        }
        Ok(())
    }

    /// A picture, or a list, whichever the first bytes look like.
    fn add_stdin(&mut self, lists: ListsAre) -> Result<(), Error> {
        if lists == ListsAre::Refused {
            return Err(Error::NestedList);
        }
        let bytes = read_all(io::stdin().lock())?;
        if image::guess_format(&bytes).is_ok() {
            self.sources.push(Source::Bytes { name: STDIN, bytes: bytes.into() });
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| Error::NeitherPictureNorList)?;
        self.add_list(&list::lines(&text), Path::new(""))
    }
}

/// A line of a list names something in the working directory, or else beside the list.
fn beside(folder: &Path, line: &str) -> PathBuf {
    let path = Path::new(line);
    let there = folder.join(path);
    if !path.exists() && there.exists() { there } else { path.to_owned() }
}

/// Whether a folder's file is meant, when the folder is named.
fn is_searched(path: &Path) -> bool {
    has_extension(path, &PICTURE_EXTENSIONS) || has_extension(path, &VIDEO_EXTENSIONS)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}
