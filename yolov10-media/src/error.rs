//! Everything that can go wrong on the way to a picture. Errors do not name the source of the picture: their item does. A
//! message says what happened; the cause is its `source()`, and anyhow's `{:#}` writes both.

use std::io;
use std::time::Duration;

use thiserror::Error;

/// What to do about a missing ffmpeg.
pub(crate) const FFMPEG_ADVICE: &str = if cfg!(windows) {
    "https://ffmpeg.org, with ffmpeg.exe and ffprobe.exe on the path"
} else {
    "apt install ffmpeg, or https://ffmpeg.org"
};

/// Why there is no picture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing with this name.
    #[error("no such file or folder")]
    NotFound,
    /// The operating system's error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A picture or list is too large.
    #[error("expected at most {limit} bytes, found {}", found.map_or("more".to_owned(), |found| found.to_string()))]
    TooLarge {
        /// The most that is read.
        limit: u64,
        /// The announced size; `None` if it was found while reading.
        found: Option<u64>,
    },
    /// Not a picture, or one that is broken or exceeds the budget.
    #[error(transparent)]
    Picture(yolov10_model::Error),
    /// A frame of an animation can't be decoded; it ends there.
    #[error("a broken frame")]
    Frame(#[source] yolov10_model::Error),
    /// Bytes that are not a font file.
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
    /// A pattern that matches nothing.
    #[error("no file matches this pattern")]
    NoMatch,
    /// A list that can't be read.
    #[error("not a list of sources: {reason}")]
    NotAList {
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes on stdin or at an address of a kind that is not read.
    #[error("neither a picture, a video nor a list of sources")]
    Unknown,
    /// A list that names nothing.
    #[error("the list is empty, expected one source per line")]
    EmptyList,
    /// A list, or stdin, in a list: it could name itself.
    #[error("a list within a list")]
    NestedList,
    /// A list at an address that names anything but addresses.
    #[error("a list from the network names only http and https addresses")]
    NotAnAddress,
    /// A line of a list that is searched in parts names several files, or something that may change.
    #[error("expected a file or an http(s) address: a list that is split has one on each line")]
    NotOneFile,
    /// The program that decodes videos, streams and cameras is missing.
    #[error("videos and cameras need ffmpeg, which is not installed: {}", FFMPEG_ADVICE)]
    NoFfmpeg,
    /// A camera by its number, on a system that has none for them.
    #[error("Windows gives cameras no numbers: expected a file, a folder or the address of a stream")]
    NoCameraNumbers,
    /// ffmpeg can't decode a video, or not all of it.
    #[error("{what}: {said}")]
    Video {
        /// What happened to it.
        what: &'static str,
        /// What ffmpeg said.
        said: String,
    },
    /// A stream ended, which streams never do by themselves.
    #[error("the stream ended after {frames} {}", if *frames == 1 { "frame" } else { "frames" })]
    StreamEnded {
        /// How many had come.
        frames: usize,
        /// Why, if known.
        #[source]
        reason: Option<Box<Error>>,
    },
    /// Nothing came for too long.
    #[error("nothing has come for {} s", limit.as_secs())]
    Silence {
        /// How long it was waited for.
        limit: Duration,
    },
    /// A transfer that is too slow.
    #[error("too slow: {found} bytes in {} s, expected {expected}", within.as_secs())]
    TooSlow {
        /// How much came.
        found: u64,
        /// The least that must come.
        expected: u64,
        /// The time in which it came.
        within: Duration,
    },
    /// A transfer that is not done in the longest time that one may take.
    #[error("too slow: {found} bytes in {} s, and not done", within.as_secs())]
    TooLong {
        /// How much came.
        found: u64,
        /// In this time.
        within: Duration,
    },
    /// The wait was ended from outside.
    #[error("cancelled")]
    Cancelled,
    /// An address, in a build without the feature `web`.
    #[error("addresses need a build with the feature web")]
    NoWeb,
    /// A server refused.
    #[error("the server answered {status}")]
    Status {
        /// The status that it answered with.
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
