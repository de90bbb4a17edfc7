//! A list that is searched in parts, perhaps on many machines: each line is one file or address, and its name in results
//! depends only on the list.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Sources;
use super::expand::{Expansion, beside, may_have_frames, single, words_of};
use super::frames::Numbering;
use super::name::{Stems, stem_and_extension};
use crate::address::without_query;
use crate::error::Error;

/// A list of files and addresses, one on each line.
///
/// Folders, patterns, streams and lists in it are errors in their places, because what they name may change between two
/// parts.
#[derive(Debug)]
pub struct List {
    words: Vec<String>,
    folder: PathBuf,
}

impl List {
    /// Reads a list, as `.txt` or `.csv`.
    ///
    /// # Errors
    /// It can't be read, is not a list, or names nothing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let words = words_of(path)?;
        if words.is_empty() {
            return Err(Error::EmptyList);
        }
        Ok(Self { words, folder: path.parent().unwrap_or(Path::new("")).to_owned() })
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none, which [`List::open`] refuses.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The names of the sources in results: the lines, with addresses without query, fragment, user and password.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.words.iter().map(|word| without_query(word).into_owned())
    }

    /// The sources on those of the lines that the list has, named and numbered as in the whole list.
    pub fn part(&self, lines: Range<usize>) -> Sources {
        let lines = lines.start.min(self.len())..lines.end.min(self.len());
        let mut stems = Stems::default();
        // Whether a file has frames is not known before it is opened; its name decides, so that all parts agree.
        let named = self.names().take(lines.end).map(|name| {
            let stem = stems.claim(&stem_and_extension(&name).0, may_have_frames(&name));
            (name, stem)
        });
        let numbering = Numbering { before: lines.start, names: named.skip(lines.start).collect() };
        let list =
            self.words.get(lines).unwrap_or_default().iter().map(|word| single(&beside(&self.folder, word))).collect();
        Sources { numbering, ..Sources::of(Expansion { sources: list, ..Expansion::default() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> List {
        List { words: words.iter().map(|&word| word.to_owned()).collect(), folder: PathBuf::new() }
    }

    #[test]
    fn parts_have_the_names_and_numbers_of_the_whole() {
        let list = list(&["a/bus.jpg", "b/bus.jpg", "https://u:p@example.org/bus.jpg?key=1", "c/bus.jpg"]);
        let abouts = |lines: Range<usize>| {
            list.part(lines)
                .items()
                .map(|item| (item.about.index, item.about.name, item.about.stem))
                .collect::<Vec<_>>()
        };
        // The address is not asked for: only its turn would.
        let whole = abouts(0..2);
        assert_eq!(whole[1], (2, "b/bus.jpg".to_owned(), "bus-2".to_owned()));
        assert_eq!([abouts(0..1), abouts(1..2)].concat(), whole);
        assert_eq!(abouts(3..4), [(4, "c/bus.jpg".to_owned(), "bus-4".to_owned())]);
        assert_eq!(abouts(3..9), abouts(3..4));
        assert_eq!(abouts(7..9), []);
    }

    #[test]
    fn a_line_is_one_file_or_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().display().to_string();
        let list = list(&[&folder, "*.jpg", "rtsp://camera/live", "0", "-", "missing.jpg"]);
        let errors: Vec<String> =
            list.part(0..6).items().map(|item| item.value.expect_err("no file").to_string()).collect();
        assert!(
            errors[..5].iter().all(|error| error.starts_with("expected a file or an http(s) address")),
            "{errors:?}"
        );
        assert_eq!(errors[5], "no such file or folder");
    }
}
