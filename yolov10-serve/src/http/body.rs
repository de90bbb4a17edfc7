//! Reads a request's body into a buffer, bounded in bytes and in time.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::buffers::NoBuffer;
use crate::problem::{Kind, Problem};
use crate::server::Server;

/// Bytes per second that a client must send on average, once its patience is used up.
const SLOWEST: u64 = 16_000;
/// Size of the first buffer if the client does not announce a length.
const UNTOLD: usize = 64 << 10;

/// Reads the whole body.
pub(crate) async fn read(server: &Server, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let limit = server.settings.limits.body;
    let told = length(headers)?;
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(Problem::invalid(format_args!("content-encoding {encoding:?}: expected none")));
    }
    let too_large = |found: String| {
        Problem::new(Kind::TooLarge, format_args!("expected a body of at most {limit} bytes, found {found}"))
    };
    if let Some(told) = told.filter(|told| *told > limit as u64) {
        return Err(too_large(told.to_string()));
    }
    let room = told.map_or(UNTOLD, |told| told as usize);
    let mut buffer = server.registry.buffer(room).map_err(no_buffer)?;
    let mut pieces = Pieces::new(body, server.settings.limits.patience);
    while let Some(piece) = pieces.next().await? {
        if buffer.as_ref().len() + piece.len() > limit {
            return Err(too_large("more".to_owned()));
        }
        buffer.push(&piece).map_err(no_buffer)?;
    }
    Ok(Bytes::from_owner(buffer))
}

/// The pieces of a body; each must arrive within the patience for clients.
pub(crate) struct Pieces {
    body: Body,
    patience: Duration,
    started: Instant,
    received: u64,
}

impl Pieces {
    pub(crate) fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience, started: Instant::now(), received: 0 }
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let allowed = self.patience + Duration::from_secs(self.received / SLOWEST);
        let left = allowed.saturating_sub(self.started.elapsed()).min(self.patience);
        loop {
            let frame = timeout(left, self.body.frame()).await.map_err(|_| {
                let received = self.received;
                Problem::new(Kind::Slow, format_args!("the body came too slowly: {received} bytes so far"))
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| Problem::invalid(format_args!("the body broke off: {error}")))?;
            if let Ok(piece) = frame.into_data() {
                self.received += piece.len() as u64;
                return Ok(Some(piece));
            }
        }
    }
}

/// The length that the client announces.
pub(crate) fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let number = length.to_str().ok().and_then(|length| length.parse().ok());
    number.map(Some).ok_or_else(|| Problem::invalid(format_args!("content-length {length:?} is no number")))
}

fn no_buffer(error: NoBuffer) -> Problem {
    Problem::unavailable(error)
}
