//! `video`: takes a video file, answers a line of JSON for each frame as it is searched.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use image::RgbImage;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_blocking;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use yolov10_media::{Depth, ErrorRow, Sources};

use super::App;
use super::body::{self, Pieces};
use super::detect::{Choice, row};
use super::path::Path;
use crate::decode::Bounds;
use crate::model::Ticket;
use crate::problem::{Kind, Problem};
use crate::queue::Done;
use crate::server::{Ask, Server};

/// Most lines that wait for the client to read them.
const AHEAD: usize = 16;
/// Pause before a full queue is tried again.
const PAUSE: Duration = Duration::from_millis(10);
/// How container formats begin, and their names for ffmpeg. Others are refused, such as lists of addresses that ffmpeg
/// would follow.
const CONTAINERS: [(usize, &[u8], &str); 9] = [
    (4, b"ftyp", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"),
    (8, b"AVI ", "avi"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpg"),
    (0, b"\x00\x00\x01\xb3", "mpg"),
    (0, b"\x30\x26\xb2\x75", "wmv"),
    (0, b"YUV4MPEG2 ", "y4m"),
    (0, b"\x47", "ts"),
];

type Line = Result<String, Problem>;

pub(super) async fn video(
    State(server): App,
    Path(model): Path<String>,
    choice: Result<Query<Choice>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(choice) = choice.map_err(Problem::invalid)?;
    choice.check()?;
    let stride = choice.vid_stride.unwrap_or(NonZeroUsize::MIN);
    let model = server.registry.get(&model)?;
    let permit = server.stream()?;
    let ticket = server.ticket(&model).await?;
    let file = store(&server, request).await?;
    let (lines, mut receiver) = channel(AHEAD);
    let runtime = Handle::current();
    spawn_blocking(move || {
        let _permit = permit;
        let frames = Frames { server, runtime, ticket, choice, lines };
        frames.search(file.path(), stride);
    });
    // A video that can't be opened at all is refused; it gets no line.
    let first = match receiver.recv().await.unwrap_or_else(|| Err(Problem::invalid("the video has no frames"))) {
        Ok(first) => first,
        Err(problem) => {
            // When the refusal is sent, the model is free.
            while receiver.recv().await.is_some() {}
            return Err(problem);
        }
    };
    let all = tokio_stream::once(Ok(first)).chain(ReceiverStream::new(receiver));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(all)).into_response())
}

/// Stores the body in a file, as ffmpeg reads back and forth in it.
async fn store(server: &Server, request: Request) -> Result<NamedTempFile, Problem> {
    let (head, body) = request.into_parts();
    let limit = server.settings.limits.video;
    let too_large = |found: String| {
        Problem::new(Kind::TooLarge, format_args!("expected a video of at most {limit} bytes, found {found}"))
    };
    if let Some(found) = body::length(&head.headers)?.filter(|length| *length > limit) {
        return Err(too_large(found.to_string()));
    }
    let mut pieces = Pieces::new(body, server.settings.limits.patience);
    let mut start = Vec::new();
    while start.len() < 16 {
        let Some(piece) = pieces.next().await? else { break };
        start.extend_from_slice(&piece);
    }
    let is_container =
        |(at, magic, _): &&(usize, &[u8], &str)| start.get(*at..).is_some_and(|rest| rest.starts_with(magic));
    let (_, _, extension) = CONTAINERS.iter().find(is_container).ok_or_else(|| {
        Problem::invalid(
            "expected a video as MP4, MOV, Matroska, WebM, AVI, FLV, MPEG, WMV or Y4M, found something else",
        )
    })?;
    let failed = |error| Problem::internal(format_args!("a temporary file: {error}"));
    let mut file = tempfile::Builder::new().suffix(&format!(".{extension}")).tempfile().map_err(failed)?;
    let mut total = start.len() as u64;
    file.write_all(&start).map_err(failed)?;
    while let Some(piece) = pieces.next().await? {
        total += piece.len() as u64;
        if total > limit {
            return Err(too_large("more".to_owned()));
        }
        file.write_all(&piece).map_err(failed)?;
    }
    Ok(file)
}

/// Searches frame after frame, as fast as lines are read.
struct Frames {
    server: Arc<Server>,
    runtime: Handle,
    ticket: Ticket,
    choice: Choice,
    lines: Sender<Line>,
}

impl Frames {
    fn search(&self, file: &FilePath, stride: NonZeroUsize) {
        let mut is_first = true;
        for item in Sources::expand([file], Depth::Folder).every(stride).pictures() {
            let number = item.about.frame;
            let line = match item.value {
                Ok(picture) => self.line(number, picture),
                Err(error) if is_first => Err(Problem::invalid(error)),
                // Part of it was read: a line says what happened to the rest.
                Err(error) => {
                    let error = error.to_string();
                    let about = yolov10_media::About { name: "video".to_owned(), ..item.about };
                    serde_json::to_string(&ErrorRow::new(&about, &error)).map(ended).map_err(Problem::internal)
                }
            };
            is_first = false;
            let is_over = line.is_err() || self.server.is_ending.load(Ordering::Acquire);
            // Who does not read holds no thread for long.
            let sent = self.lines.send_timeout(line, self.server.settings.limits.patience);
            if self.runtime.block_on(sent).is_err() || is_over {
                return;
            }
        }
    }

    fn line(&self, frame: Option<yolov10_media::Frame>, picture: RgbImage) -> Line {
        let picture = Arc::new(picture);
        let (done, ticket) = search_frame(&self.server, &self.runtime, &self.ticket.model.name, &picture)?;
        let class_names = &ticket.running.facts.class_names;
        let keep = self.choice.keep(self.server.confidence, class_names)?;
        let seen = done.seen.first().ok_or_else(|| Problem::internal("a frame was lost"))?;
        let row = row("video", frame, seen, done.speed, &keep.of(&seen.detections), class_names)?;
        Ok(ended(row))
    }
}

fn ended(line: String) -> String {
    line + "\n"
}

/// Searches a frame; waits for a place in the queue, as a video has time.
pub(super) fn search_frame(
    server: &Arc<Server>,
    runtime: &Handle,
    model: &str,
    picture: &Arc<RgbImage>,
) -> Result<(Done, Ticket), Problem> {
    loop {
        let ask = Ask { model, version: None, pictures: 1, deadline: None };
        let frame = Arc::clone(picture);
        // Its buffer is taken only once the model is, so that an unload does not leave one behind.
        let decode = move |bounds: &Bounds| Ok(vec![bounds.pixels(frame.height(), frame.width(), &frame)?]);
        let searched = runtime.block_on(server.search(ask, decode));
        match searched {
            Err(problem) if problem.kind == Kind::Busy => sleep(PAUSE),
            searched => return searched,
        }
    }
}
