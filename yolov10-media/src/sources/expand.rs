//! From words to sources: files, folders, patterns, lists, stdin.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{self, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use tempfile::NamedTempFile;
use yolov10_model::picture::Kind;

use super::source::Source;
use super::video::{Carriage, STREAM_SCHEMES, VIDEO_EXTENSIONS, Video, recognize};
use super::walk::{self, is_hidden};
use super::{Depth, list, read_all};
use crate::address::without_credentials;
use crate::error::Error;

/// Means stdin.
const STDIN: &str = "-";
/// Extensions of pictures.
const PICTURE_EXTENSIONS: [&str; 12] =
    ["avif", "bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"];
/// Extensions of lists of sources.
const LIST_EXTENSIONS: [&str; 2] = [TABLE_EXTENSION, "txt"];
/// The extension of a list that is a table.
const TABLE_EXTENSION: &str = "csv";
/// Extensions of pictures that may have several frames.
const ANIMATION_EXTENSIONS: [&str; 2] = ["gif", "webp"];
/// Pictures that are left to ffmpeg. The Rust decoder of AV1 with a suitable licence ends the process when it panics.
const FFMPEG_EXTENSIONS: [&str; 1] = ["avif"];
/// Starts of addresses that are fetched over the web.
const WEB_SCHEMES: [&str; 2] = ["http://", "https://"];
/// Extensions of lists of a video's pieces.
const PLAYLIST_EXTENSIONS: [&str; 2] = ["m3u8", "mpd"];
/// The characters that make a word a pattern.
const PATTERN: [char; 3] = ['*', '?', '['];
/// Matches folders within folders.
const EVERY_FOLDER: &str = "**";
/// How much of stdin is enough to tell what it is.
const HEAD: u64 = 4096;

/// The sources that were found, and the files that were skipped.
#[derive(Default)]
pub struct Expansion {
    pub sources: Vec<Source>,
    /// Files in folders and patterns that are not pictures: how many there are of each kind.
    pub passed_over: BTreeMap<String, usize>,
}

/// The sources that `words` name, in the given order; within a folder or a pattern, in order of names.
pub fn expand<W: AsRef<Path>>(words: impl IntoIterator<Item = W>, depth: Depth) -> Expansion {
    let mut expansion = Expansion::default();
    for word in words {
        expansion.add(word.as_ref(), depth, ListsAre::Read);
    }
    expansion
}

/// The one source that a line of a list names: a file, or the address of one.
pub fn single(word: &Path) -> Source {
    let text = word.to_str().unwrap_or_default();
    let is_several = word.is_dir() || text == STDIN || text.contains("://") || text.contains(PATTERN);
    let error = match word.is_file() {
        true if has_extension(word, &LIST_EXTENSIONS) => Error::NestedList,
        true => return file(word.to_owned()),
        false if starts_with(text, &WEB_SCHEMES) => return Source::Url(text.to_owned()),
        false if is_several || text.parse::<u32>().is_ok() => Error::NotOneFile,
        false => Error::NotFound,
    };
    Source::Broken { name: text.to_owned(), error }
}

/// Whether lists are allowed: a list in a list could name itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListsAre {
    Read,
    Refused,
}

impl Expansion {
    /// Adds what `word` names, or an error if that is not available.
    fn add(&mut self, word: &Path, depth: Depth, lists: ListsAre) {
        if let Err(error) = self.try_add(word, depth, lists) {
            self.add_broken(word, error);
        }
    }

    fn add_broken(&mut self, path: &Path, error: Error) {
        let name = without_credentials(&path.display().to_string()).into_owned();
        self.sources.push(Source::Broken { name, error });
    }

    fn try_add(&mut self, word: &Path, depth: Depth, lists: ListsAre) -> Result<(), Error> {
        if word == Path::new(STDIN) {
            return self.add_stdin(depth, lists);
        }
        if word.is_dir() {
            return self.add_folder(word, depth);
        }
        if word.exists() {
            return match lists {
                ListsAre::Read if has_extension(word, &LIST_EXTENSIONS) => self.add_list_file(word, depth),
                ListsAre::Refused if has_extension(word, &LIST_EXTENSIONS) => Err(Error::NestedList),
                _ => {
                    self.sources.push(file(word.to_owned()));
                    Ok(())
                }
            };
        }
        let Some(text) = word.to_str() else {
            return Err(Error::NotFound);
        };
        self.add_other(text)
    }

    /// Adds something that is not a file: an address, a camera's number, a pattern.
    fn add_other(&mut self, word: &str) -> Result<(), Error> {
        if starts_with(word, &WEB_SCHEMES) {
            self.sources.push(Source::Url(word.to_owned()));
        } else if starts_with(word, &STREAM_SCHEMES) {
            self.sources.push(Source::Video(Video::stream(word, &without_credentials(word))));
        } else if let Ok(number) = word.parse() {
            if cfg!(windows) {
                return Err(Error::NoCameraNumbers);
            }
            self.sources.push(Source::Video(Video::camera(number)));
        } else if word.contains(PATTERN) {
            self.add_pattern(word)?;
        } else {
            return Err(Error::NotFound);
        }
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path, depth: Depth) -> Result<(), Error> {
        let before = self.sources.len();
        for found in walk::files(folder, depth) {
            self.add_found(found);
        }
        if self.sources.len() == before {
            return Err(Error::EmptyFolder { expected: PICTURE_EXTENSIONS.join(", ") });
        }
        Ok(())
    }

    /// Adds a file from a folder or a pattern. It is one of many, so only those that look like pictures are meant.
    fn add_found(&mut self, found: walk::Found) {
        match found {
            Ok(path) if is_searched(&path) => self.sources.push(file(path)),
            Ok(path) => *self.passed_over.entry(kind_of(&path)).or_default() += 1,
            Err((path, error)) => self.add_broken(&path, error.into()),
        }
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        let found = if pattern.contains(EVERY_FOLDER) { matching(pattern)? } else { globbed(pattern)? };
        if found.is_empty() {
            return Err(Error::NoMatch);
        }
        let before = self.sources.len();
        for found in found {
            self.add_found(found);
        }
        if self.sources.len() == before {
            return Err(Error::EmptyFolder { expected: PICTURE_EXTENSIONS.join(", ") });
        }
        Ok(())
    }

    fn add_list_file(&mut self, path: &Path, depth: Depth) -> Result<(), Error> {
        self.add_list(&words_of(path)?, path.parent().unwrap_or(Path::new("")), depth)
    }

    fn add_list(&mut self, words: &[String], folder: &Path, depth: Depth) -> Result<(), Error> {
        if words.is_empty() {
            return Err(Error::EmptyList);
        }
        for word in words {
            self.add(&beside(folder, word), depth, ListsAre::Refused);
        }
        Ok(())
    }

    /// Adds a picture, a video or a list, as the first bytes tell.
    fn add_stdin(&mut self, depth: Depth, lists: ListsAre) -> Result<(), Error> {
        if lists == ListsAre::Refused {
            return Err(Error::NestedList);
        }
        let mut stdin = io::stdin().lock();
        let mut head = Vec::new();
        (&mut stdin).take(HEAD).read_to_end(&mut head)?;
        let carriage = if Kind::of(&head).is_some() { None } else { recognize(&head) };
        match carriage {
            Some(Carriage::Pipe) => self.sources.push(Source::Video(Video::stdin(STDIN, head))),
            Some(Carriage::File) => {
                let mut file = NamedTempFile::new()?;
                io::copy(&mut head.chain(stdin), &mut file)?;
                self.sources.push(Source::Video(Video::spooled(STDIN, file)));
            }
            None => {
                let bytes = read_all(head.chain(stdin))?;
                if Kind::of(&bytes).is_some() {
                    self.sources.push(Source::Bytes { name: STDIN.to_owned(), bytes: bytes.into() });
                } else if bytes.contains(&0) && !bytes.starts_with(b"\xff\xfe") && !bytes.starts_with(b"\xfe\xff") {
                    return Err(Error::Unknown);
                } else {
                    self.add_list(&list::lines(&list::text(bytes)?)?, Path::new(""), depth)?;
                }
            }
        }
        Ok(())
    }
}

/// The lines of a list, or the cells of a table.
pub fn words_of(list: &Path) -> Result<Vec<String>, Error> {
    let text = list::text(read_all(File::open(list)?)?)?;
    if has_extension(list, &[TABLE_EXTENSION]) { list::column(&text) } else { list::lines(&text) }
}

/// A file by its name.
fn file(path: PathBuf) -> Source {
    if has_extension(&path, &VIDEO_EXTENSIONS) {
        Source::Video(Video::file(&path))
    } else if has_extension(&path, &ANIMATION_EXTENSIONS) {
        Source::Animation(path)
    } else if has_extension(&path, &FFMPEG_EXTENSIONS) {
        Source::ByFfmpeg(path)
    } else {
        Source::Picture(path)
    }
}

/// An entry of a list from a server, which must not lead to files.
#[cfg(feature = "web")]
pub fn from_network(word: String) -> Source {
    if starts_with(&word, &WEB_SCHEMES) {
        Source::Url(word)
    } else {
        Source::Broken { name: word, error: Error::NotAnAddress }
    }
}

/// Whether an address has the extension of a video or a playlist.
pub fn is_video_address(url: &str) -> bool {
    let address = Path::new(url.split(['?', '#']).next().unwrap_or(url));
    has_extension(address, &VIDEO_EXTENSIONS) || has_extension(address, &PLAYLIST_EXTENSIONS)
}

/// Whether a name has the extension of a video or an animation.
pub fn may_have_frames(name: &str) -> bool {
    is_video_address(name) || has_extension(Path::new(name), &ANIMATION_EXTENSIONS)
}

fn starts_with(word: &str, schemes: &[&str]) -> bool {
    let begins = |scheme: &&str| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    schemes.iter().any(begins)
}

/// How a pattern is compared with a name: as the system compares names.
fn matching_names() -> MatchOptions {
    MatchOptions { case_sensitive: !cfg!(windows), ..MatchOptions::new() }
}

/// What a pattern matches, level by level.
fn globbed(pattern: &str) -> Result<Vec<walk::Found>, Error> {
    let is_meant = |path: &Path| path.is_file() && (!is_hidden(path) || names_hidden(pattern));
    let found = glob::glob_with(pattern, matching_names())?
        .map(|path| path.map_err(|error| (error.path().to_owned(), error.into())));
    Ok(found.filter(|found| found.as_ref().map_or(true, |path| is_meant(path))).collect())
}

/// What a pattern matches that enters every folder; each folder is entered once, whatever links lead there.
fn matching(pattern: &str) -> Result<Vec<walk::Found>, Error> {
    let compiled = Pattern::new(pattern)?;
    let options = MatchOptions { require_literal_separator: true, ..matching_names() };
    let before = &pattern[..pattern.find(PATTERN).unwrap_or(pattern.len())];
    let root = before.rfind(path::is_separator).map_or("", |end| &before[..=end]);
    let is_local = root.is_empty();
    let found = walk::files(Path::new(if is_local { "." } else { root }), Depth::Everything);
    let named =
        |path: PathBuf| if is_local { path.strip_prefix(".").map(Path::to_owned).unwrap_or(path) } else { path };
    let found = found.into_iter().map(|found| found.map(named));
    Ok(found.filter(|found| found.as_ref().map_or(true, |path| compiled.matches_path_with(path, options))).collect())
}

/// Whether a pattern's last part begins with a dot itself.
fn names_hidden(pattern: &str) -> bool {
    pattern.rsplit(path::is_separator).next().is_some_and(|last| last.starts_with('.'))
}

/// The path that a line of a list names: in the working directory, or else beside the list.
pub fn beside(folder: &Path, line: &str) -> PathBuf {
    let path = Path::new(line);
    let there = folder.join(path);
    if !path.exists() && there.exists() { there } else { path.to_owned() }
}

/// Whether a file is searched when its folder is named.
fn is_searched(path: &Path) -> bool {
    has_extension(path, &PICTURE_EXTENSIONS) || has_extension(path, &VIDEO_EXTENSIONS)
}

/// The kind of a file that is skipped.
fn kind_of(path: &Path) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.map_or("without an extension".to_owned(), |extension| format!(".{extension}"))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}
