//! Everything that can keep a picture from being had. Errors do not name the source: their item does.
//! A message holds its cause, so that there is none to add to it.

use std::io;

use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing goes by this name.
    #[error("no such file or folder")]
    NotFound,
    /// What the operating system said.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// More than a picture or a list may have.
    #[error("expected at most {limit} bytes, found {}", found.map_or("more".to_owned(), |found| found.to_string()))]
    TooLarge {
        /// The most that is read.
        limit: u64,
        /// What was announced; `None` if it only turned out.
        found: Option<u64>,
    },
    /// Not a picture, or a broken one.
    #[error(transparent)]
    Picture(#[from] yolov10_model::Error),
    /// A frame of an animation can't be decoded.
    #[error("a broken frame: {0}")]
    Frame(image::ImageError),
    /// A folder without anything to search.
    #[error("no picture or video in this folder, expected files ending in {expected}")]
    EmptyFolder {
        /// The extensions of pictures.
        expected: String,
    },
    /// A pattern is not well formed.
    #[error("not a pattern: {reason}, at letter {letter}")]
    Pattern {
        /// Where it goes wrong, from 1.
        letter: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A pattern that nothing matches.
    #[error("no file matches this pattern")]
    NoMatch,
    /// A list that can't be read as one.
    #[error("not a list of sources: {reason}")]
    NotAList {
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes on stdin that are neither.
    #[error("neither a picture nor a list of sources")]
    NeitherPictureNorList,
    /// A list that names nothing.
    #[error("the list is empty, expected a source a line")]
    EmptyList,
    /// A list, or stdin, named by a list: it could name itself.
    #[error("a list within a list")]
    NestedList,
    /// Videos, streams and cameras are decoded by a program that is not there.
    #[error("videos and cameras need ffmpeg, which is not installed: {}", crate::ffmpeg::ADVICE)]
    NoFfmpeg,
    /// ffmpeg can't decode a video, or not all of it.
    #[error("{what}: {said}")]
    Video {
        /// What has befallen it.
        what: &'static str,
        /// What ffmpeg said.
        said: String,
    },
    /// An address, and no feature `web`.
    #[error("addresses need a build with the feature web")]
    NoWeb,
    /// A server refused.
    #[error("the server answered {status}")]
    Status {
        /// What it answered.
        status: u16,
    },
    /// A server can't be reached.
    #[error("not to be reached: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// A transfer that ended too early.
    #[error("the transfer broke off: {0}")]
    BrokenOff(io::Error),
}

impl From<glob::PatternError> for Error {
    fn from(error: glob::PatternError) -> Self {
        Self::Pattern { letter: error.pos + 1, reason: error.msg }
    }
}

impl Error {
    pub(crate) fn not_a_list(reason: impl ToString) -> Self {
        Self::NotAList { reason: reason.to_string() }
    }

    pub(crate) fn video(what: &'static str, said: impl Into<String>) -> Self {
        Self::Video { what, said: said.into() }
    }
}
