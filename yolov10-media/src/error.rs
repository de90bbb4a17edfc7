//! Everything that can keep a picture from being had. Errors do not name the source: their item does.
//! A message says what befell it; the cause is its `source()`, and `{:#}` of anyhow writes both.

use std::io;
use std::time::Duration;

use thiserror::Error;

/// What to do about a missing ffmpeg.
pub(crate) const FFMPEG_ADVICE: &str = "apt install ffmpeg, or https://ffmpeg.org";

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
        /// The size that was announced; `None` if it was found out by reading.
        found: Option<u64>,
    },
    /// Not a picture, or a broken one, or one that takes more than the budget.
    #[error(transparent)]
    Picture(yolov10_model::Error),
    /// A frame of an animation can't be decoded; it ends there.
    #[error("a broken frame")]
    Frame(#[source] yolov10_model::Error),
    /// Bytes that are no font file.
    #[error("not a font: expected a TrueType or OpenType file")]
    NotAFont,
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
    /// Bytes on stdin, or at an address, that are none of what is read.
    #[error("neither a picture, a video nor a list of sources")]
    Unknown,
    /// A list that names nothing.
    #[error("the list is empty, expected one source per line")]
    EmptyList,
    /// A list, or stdin, named by a list: it could name itself.
    #[error("a list within a list")]
    NestedList,
    /// A list at an address that names something else than addresses.
    #[error("a list from the network names only http and https addresses")]
    NotAnAddress,
    /// A line of a list that is searched in parts, and that names several files, or none that stays the same.
    #[error("expected a file or an http(s) address: a list that is split has one on each line")]
    NotOneFile,
    /// Videos, streams and cameras are decoded by a program that is not there.
    #[error("videos and cameras need ffmpeg, which is not installed: {}", FFMPEG_ADVICE)]
    NoFfmpeg,
    /// ffmpeg can't decode a video, or not all of it.
    #[error("{what}: {said}")]
    Video {
        /// What happened to it.
        what: &'static str,
        /// What ffmpeg said.
        said: String,
    },
    /// A stream that ended: none of them has an end of its own.
    #[error("the stream ended after {frames} frames")]
    StreamEnded {
        /// How many had come.
        frames: usize,
        /// Why, if it was said.
        #[source]
        reason: Option<Box<Error>>,
    },
    /// Nothing came.
    #[error("nothing has come for {} s", limit.as_secs())]
    Silence {
        /// How long it was waited for.
        limit: Duration,
    },
    /// A transfer that would take for ever.
    #[error("too slow: {found} bytes in {} s, expected {expected}", within.as_secs())]
    TooSlow {
        /// How much came.
        found: u64,
        /// The least that must come.
        expected: u64,
        /// In this time.
        within: Duration,
    },
    /// The wait was ended from outside.
    #[error("given up, as was asked for")]
    Cancelled,
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
    #[error("cannot be reached: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// A transfer that ended too early.
    #[error("the transfer broke off")]
    BrokenOff(#[source] io::Error),
    /// A picture that can't be written as JPEG.
    #[error("no JPEG of it: {reason}")]
    NoJpeg {
        /// Why.
        reason: String,
    },
    /// A stream of pictures that is not well formed.
    #[error("not a stream of pictures: {reason}")]
    NotAStream {
        /// What is wrong with it.
        reason: String,
    },
}

impl From<yolov10_model::Error> for Error {
    fn from(error: yolov10_model::Error) -> Self {
        Self::Picture(error)
    }
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
