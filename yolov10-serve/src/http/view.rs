//! `view`: a source that was named at the start, with its boxes drawn, as MJPEG for browsers and OpenCV.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use image::RgbImage;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_blocking;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use yolov10_media::{Artist, Depth, Sources, Style, encode_jpeg};

use super::App;
use super::detect::Choice;
use super::path::Path;
use super::video::search_frame;
use crate::problem::Problem;
use crate::running::Running;
use crate::server::Server;

const BOUNDARY: &str = "frame";

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    source: String,
}

type Part = Result<Bytes, Problem>;

pub(super) async fn view(
    State(server): App,
    Path(model): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    uri: http::Uri,
) -> Result<Response, Problem> {
    let Query(Asked { source }) = asked.map_err(Problem::invalid)?;
    let Query(Shown { conf, max_det, classes }) = Query::try_from_uri(&uri).map_err(Problem::invalid)?;
    let choice = Choice { conf, max_det, classes, name: None, vid_stride: None };
    choice.check()?;
    let model = server.registry.get(&model)?;
    let found = server.settings.sources.iter().find(|named| named.name == source);
    let address = found.map(|named| named.address.clone());
    let address =
        address.ok_or_else(|| Problem::not_found(format_args!("no source {source:?} was named: see --source")))?;
    let permit = server.stream()?;
    // It has to be there; between pictures it is nobody's, so that unloading it ends the view and does not wait for it.
    drop(server.ticket(&model).await?);
    // One part may wait: a slow client gets the newest picture that there is room for.
    let (parts, mut receiver) = channel::<Part>(1);
    let show = Show { server, runtime: Handle::current(), model: model.name.clone(), choice, parts, _permit: permit };
    spawn_blocking(move || show.run(&address));
    let first =
        receiver.recv().await.ok_or_else(|| Problem::unavailable(format_args!("source {source}: no pictures")))??;
    let all = tokio_stream::once(Ok(first)).chain(ReceiverStream::new(receiver));
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let headers = [(CONTENT_TYPE, kind.as_str()), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(all)).into_response())
}

/// What to draw, besides the source.
#[derive(Debug, Deserialize)]
struct Shown {
    conf: Option<f32>,
    max_det: Option<usize>,
    classes: Option<String>,
}

/// A view with its client.
struct Show {
    server: Arc<Server>,
    runtime: Handle,
    model: String,
    choice: Choice,
    parts: Sender<Part>,
    _permit: OwnedSemaphorePermit,
}

impl Show {
    fn run(&self, address: &str) {
        let mut artist = None;
        let mut due = Instant::now();
        for item in Sources::expand([address], Depth::Folder).pictures() {
            let shown = item.about.frame.map(|frame| frame.shown);
            let part = item.value.map_err(Problem::unavailable).and_then(|picture| self.draw(&mut artist, picture));
            let is_over = part.is_err() || self.server.is_ending.load(Ordering::Acquire);
            // A client that does not read must not hold a thread for long.
            let sent = self.parts.send_timeout(part, self.server.settings.limits.patience);
            if self.runtime.block_on(sent).is_err() || is_over {
                return;
            }
            // A file is shown at its own pace; a camera has one already.
            if let Some(shown) = shown {
                due += shown;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due = due.max(Instant::now());
            }
        }
    }

    /// Searches a picture and draws the detections, with an artist for the current classes of the model.
    fn draw(&self, artist: &mut Option<(Arc<Running>, Artist)>, picture: RgbImage) -> Part {
        let picture = Arc::new(picture);
        let (done, ticket) = search_frame(&self.server, &self.runtime, &self.model, &picture)?;
        let mut picture = Arc::unwrap_or_clone(picture);
        let running = &ticket.running;
        let class_names = &running.facts.class_names;
        let keep = self.choice.keep(self.server.confidence, class_names)?;
        if artist.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, running)) {
            *artist = Some((Arc::clone(running), Artist::new(Style::default(), class_names)));
        }
        if let (Some((_, artist)), Some(seen)) = (artist, done.seen.first()) {
            artist.draw(&mut picture, &keep.of(&seen.detections));
        }
        let jpeg = encode_jpeg(&picture).map_err(Problem::internal)?;
        let head = format!("--{BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\n\r\n", jpeg.len());
        let mut part = head.into_bytes();
        part.extend(jpeg);
        part.extend(b"\r\n");
        Ok(part.into())
    }
}
