//! Fetching over http and https, within limits.

mod body;
mod multipart;
mod pace;

use std::io::Read;
use std::time::Duration;

use ureq::Agent;

pub use body::{Response, open};
pub(crate) use multipart::Parts;
pub use pace::{Paced, paced};

use crate::address::without_query;
use crate::error::Error;

/// How long a server may take to answer, and between two pieces of what it sends.
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_REDIRECTS: u32 = 5;
/// The status of an answer that is the rest of a file.
const PARTIAL_CONTENT: u16 = 206;

/// What a server sends.
pub struct Answer {
    /// Where in the file it begins, in bytes: 0 if the server does not send parts.
    pub start: u64,
    /// Bytes from there on, if the server says.
    pub length: Option<u64>,
    /// The content type, if the server says.
    pub content_type: Option<String>,
    /// The bytes themselves.
    pub body: Box<dyn Read + Send>,
}

/// Fetches what is at `url`, from byte `start` on; the answer tells whether the server does that.
///
/// # Errors
/// The server can't be reached, or refuses.
pub fn get(url: &str, start: u64) -> Result<Answer, Error> {
    let config = Agent::config_builder()
        .user_agent(concat!("yolo10-burn/", env!("CARGO_PKG_VERSION")))
        .max_redirects(MOST_REDIRECTS)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build();
    let mut request = Agent::from(config).get(url);
    if start > 0 {
        request = request.header("range", format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| match error {
        ureq::Error::StatusCode(status) => Error::Status { status },
        ureq::Error::Io(error) => Error::Unreachable { reason: error.to_string() },
        // Some errors repeat the address, with password and query.
        other => Error::Unreachable { reason: other.to_string().replace(url, &without_query(url)) },
    })?;
    let is_rest = response.status() == PARTIAL_CONTENT;
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let body = response.into_body();
    Ok(Answer {
        start: if is_rest { start } else { 0 },
        length: body.content_length(),
        content_type,
        body: Box::new(body.into_reader()),
    })
}
