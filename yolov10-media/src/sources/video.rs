//! Videos, cameras and streams, decoded by an installed ffmpeg.
//!
//! ffmpeg sends the frames through a pipe as PPM pictures, which carry their size. The time of a frame comes on stderr, in a
//! line of its filter `showinfo`. Threads read both, so that a wait can be ended.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use yolov10_model::picture::{Budget, Picture};

use super::decoder::{Decoder, Input};
use super::pipe;
use super::sequence::{Moments, Progress, Sequence, Stream};
use crate::error::Error;
use crate::ffmpeg;
use crate::patience::Patience;

/// Extensions of videos.
pub const VIDEO_EXTENSIONS: [&str; 13] =
    ["asf", "avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "webm", "wmv", "y4m"];
/// Starts of addresses that are streams.
pub const STREAM_SCHEMES: [&str; 5] = ["rtsp://", "rtsps://", "rtmp://", "tcp://", "udp://"];
/// What ffmpeg may read when given a file: only that file. A playlist with a video's name would make it read others.
const FILE_PROTOCOLS: &str = "file,pipe,fd";
const FILE_FORMATS: &str = "asf,av1,avi,flv,gif,h264,hevc,image2,ivf,jpeg_pipe,j2k_pipe,jpegxl_pipe,m4v,matroska,mjpeg,\
     mov,mp4,mpeg,mpegts,mpegvideo,ogg,obu,rawvideo,webm,yuv4mpegpipe";
/// What it may read when given an address: other addresses, never files.
const NETWORK_PROTOCOLS: &str = "crypto,http,https,httpproxy,rtcp,rtmp,rtmps,rtp,rtsp,rtsps,srtp,tcp,tls,udp";
/// What is wrong with a file that ffprobe refuses.
const NOT_A_VIDEO: &str = "not a video that ffmpeg can read";

/// Something that ffmpeg can open.
#[derive(Clone, Debug)]
pub struct Video {
    /// Its name in results.
    pub name: String,
    /// The part of ffmpeg's command line around `-i`.
    input: Vec<OsString>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Its length can be asked for.
    File,
    /// A temporary file, deleted with the last clone.
    Spooled { _file: Arc<NamedTempFile> },
    /// The rest of stdin, after these bytes.
    Stdin { head: Arc<Vec<u8>> },
    /// A file on a server: it has an end.
    Remote,
    /// A camera or a stream: it has none.
    Live,
}

impl Video {
    /// A file.
    pub fn file(path: &Path) -> Self {
        Self { name: path.display().to_string(), input: file_input(path.as_os_str()), kind: Kind::File }
    }

    /// Its path, if it is a file that was named.
    pub fn path(&self) -> Option<&Path> {
        matches!(self.kind, Kind::File).then(|| Path::new(&self.name))
    }

    /// A video from stdin that had to be stored, because its format is read from the end.
    pub fn spooled(name: &str, file: NamedTempFile) -> Self {
        let input = file_input(file.path().as_os_str());
        Self { name: name.to_owned(), input, kind: Kind::Spooled { _file: Arc::new(file) } }
    }

    /// A video from stdin, of which the beginning has been read.
    pub fn stdin(name: &str, head: Vec<u8>) -> Self {
        Self { name: name.to_owned(), input: restricted("pipe:0".into()), kind: Kind::Stdin { head: Arc::new(head) } }
    }

    /// A stream at an address.
    pub fn stream(url: &str, name: &str) -> Self {
        Self { name: name.to_owned(), input: network_input(url), kind: Kind::Live }
    }

    /// A video at an address, or a playlist of its pieces.
    pub fn remote(url: &str, name: &str) -> Self {
        Self { name: name.to_owned(), input: network_input(url), kind: Kind::Remote }
    }

    /// A camera by its number.
    pub fn camera(number: u32) -> Self {
        let (format, device) = if cfg!(target_os = "macos") {
            ("avfoundation", number.to_string())
        } else {
            ("v4l2", format!("/dev/video{number}"))
        };
        let input = ["-f", format, "-i", &device].map(OsString::from).to_vec();
        Self { name: number.to_string(), input, kind: Kind::Live }
    }

    /// Its frames; if it can't be opened, the first one is an error.
    pub fn open(self, budget: Budget, patience: &Patience) -> Result<Sequence, Error> {
        let total = match self.kind {
            // A pipe gives its beginning once only.
            Kind::File if pipe::is_pipe(Path::new(&self.name)) => None,
            Kind::File | Kind::Spooled { .. } => self.probe()?,
            Kind::Stdin { .. } | Kind::Remote | Kind::Live => None,
        };
        let (name, patience) = (self.name.clone(), patience.clone());
        let is_live = matches!(self.kind, Kind::Live);
        let waits = match self.kind {
            // These can't fall silent, only be slow.
            Kind::File | Kind::Spooled { .. } | Kind::Stdin { .. } => {
                Patience { limit: Duration::MAX, notices: None, ..patience.clone() }
            }
            Kind::Remote | Kind::Live => patience.clone(),
        };
        let connect = move || {
            let head = match &self.kind {
                Kind::Stdin { head } => Some(Arc::clone(head)),
                _ => None,
            };
            let input = Input { words: self.input.clone(), name: self.name.clone(), head };
            // The frames keep it as long as they are read: a spooled file must not be deleted before.
            let keep = self.kind.clone();
            let decoder = Decoder::start(input, budget, waits.clone())?;
            Ok(Box::new(decoder.inspect(move |_| _ = &keep)) as Moments)
        };
        let moments: Moments = if is_live {
            Box::new(Stream { name, patience, connect, moments: None, progress: Progress::default() })
        } else {
            connect()?
        };
        Ok(Sequence { moments, total })
    }

    /// The picture in a file that is one.
    pub fn first_frame(self, budget: Budget) -> Result<Picture, Error> {
        let mut moments = self.open(budget, &Patience::default())?.moments;
        let moment = moments.next().unwrap_or_else(|| Err(Error::video(NOT_A_VIDEO, "it has no frames")))?;
        moment.content.decode(&budget)
    }

    /// How many frames the container claims to have.
    fn probe(&self) -> Result<Option<usize>, Error> {
        let output = ffmpeg::command("ffprobe")
            .args(["-v", "error", "-select_streams", "v:0", "-of", "default=noprint_wrappers=1"])
            .args(["-show_entries", "stream=codec_type,nb_frames"])
            .args(&self.input)
            .stdin(Stdio::null())
            .output()
            .map_err(ffmpeg::missing)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::video(NOT_A_VIDEO, said.trim().lines().last().unwrap_or("ffprobe does not say why")));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        if !text.contains("codec_type=video") {
            return Err(Error::video(NOT_A_VIDEO, "expected a video stream, found none"));
        }
        let total = text.lines().find_map(|line| line.strip_prefix("nb_frames="));
        Ok(total.and_then(|number| number.parse().ok()))
    }
}

/// A file and nothing else.
fn file_input(path: &OsStr) -> Vec<OsString> {
    // The scheme keeps a name from being taken for an address or an option.
    let mut address = OsString::from("file:");
    address.push(path);
    restricted(address)
}

fn restricted(address: OsString) -> Vec<OsString> {
    let words = ["-protocol_whitelist", FILE_PROTOCOLS, "-format_whitelist", FILE_FORMATS, "-i"];
    words.map(OsString::from).into_iter().chain([address]).collect()
}

fn network_input(url: &str) -> Vec<OsString> {
    let over_tcp = url.starts_with("rtsp").then_some(["-rtsp_transport", "tcp"]).into_iter().flatten();
    ["-protocol_whitelist", NETWORK_PROTOCOLS]
        .into_iter()
        .chain(over_tcp)
        .chain(["-i", url])
        .map(OsString::from)
        .collect()
}

/// How a video reaches ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// It can be decoded as it comes.
    Pipe,
    /// Its index may be at the end, so it must be a file.
    File,
}

/// Whether these bytes begin a video.
pub fn recognize(head: &[u8]) -> Option<Carriage> {
    match head {
        // ISO's base format: MP4, QuickTime.
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [_, _, _, _, b'm', b'o', b'o', b'v', ..] => Some(Carriage::File),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some(Carriage::File),
        [b'F', b'L', b'V', 1, ..] | [0x30, 0x26, 0xb2, 0x75, ..] => Some(Carriage::File),
        // Matroska and WebM, MPEG program streams, YUV4MPEG.
        [0x1a, 0x45, 0xdf, 0xa3, ..] | [0, 0, 1, 0xba | 0xb3, ..] => Some(Carriage::Pipe),
        _ if head.starts_with(b"YUV4MPEG2 ") => Some(Carriage::Pipe),
        // MPEG transport streams: packets of 188 bytes that begin with this byte.
        [0x47, ..] if head.get(188) == Some(&0x47) => Some(Carriage::Pipe),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_told_by_their_first_bytes() {
        let mut packets = vec![0; 200];
        (packets[0], packets[188]) = (0x47, 0x47);
        for (head, carriage) in [
            (&b"\0\0\0\x20ftypisom"[..], Some(Carriage::File)),
            (b"RIFF\0\0\0\0AVI LIST", Some(Carriage::File)),
            (b"\x1a\x45\xdf\xa3", Some(Carriage::Pipe)),
            (&packets, Some(Carriage::Pipe)),
            (b"YUV4MPEG2 W64 H48\n", Some(Carriage::Pipe)),
            (b"GIF89a", None),
            (b"RIFF\0\0\0\0WEBPVP8 ", None),
            (b"a.jpg\nb.jpg\n", None),
            (b"", None),
        ] {
            assert_eq!(recognize(head), carriage, "{head:?}");
        }
    }
}
