//! What is fetched over http and https, within limits.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ureq::{Agent, Body, http::Response};

/// How long a server may take to answer at all, and between two pieces of what it sends.
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_REDIRECTS: u32 = 5;

/// All of what is at `url`, if it is no more than `limit` bytes.
pub fn fetch(url: &str, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let body = get(url, 0)?.into_body();
    if let Some(length) = body.content_length() {
        ensure!(
            length <= limit,
            "expected at most {limit} bytes, found {length}"
        );
    }
    body.into_reader()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .context("the transfer broke off")?;
    ensure!(
        bytes.len() as u64 <= limit,
        "expected at most {limit} bytes, found more"
    );
    Ok(bytes)
}

/// Asks for what is at `url`, without its first `skipped` bytes; the status says whether the server agrees.
pub fn get(url: &str, skipped: u64) -> Result<Response<Body>> {
    let config = Agent::config_builder()
        .user_agent(concat!("yolo10-burn/", env!("CARGO_PKG_VERSION")))
        .max_redirects(MOST_REDIRECTS)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build();
    let mut request = Agent::from(config).get(url);
    if skipped > 0 {
        request = request.header("range", format!("bytes={skipped}-"));
    }
    match request.call() {
        Ok(response) => Ok(response),
        Err(ureq::Error::StatusCode(status)) => bail!("the server answered {status}"),
        Err(error) => Err(error.into()),
    }
}
