//! Why a request fails, the same for all protocols.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Seconds after which a client may retry when the queue was full.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// The kind of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request can't be understood, or asks for something that does not exist.
    Invalid,
    /// The token is missing or wrong.
    Unauthorized,
    /// A web page of another origin, or an address that may not be fetched.
    Forbidden,
    /// No such model, version, source or path.
    NotFound,
    /// The path exists for another method.
    Method,
    /// The client sends too slowly.
    Slow,
    /// More bytes or pixels than allowed.
    TooLarge,
    /// The queue is full.
    Busy,
    /// An unexpected failure.
    Internal,
    /// The model is not ready, the server is ending, or there is too little memory.
    Unavailable,
    /// The deadline passed before the work began.
    Deadline,
}

impl Kind {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// A problem, and its message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, message: impl Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    pub(crate) fn invalid(message: impl Display) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub(crate) fn not_found(message: impl Display) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn unavailable(message: impl Display) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    pub(crate) fn internal(message: impl Display) -> Self {
        Self::new(Kind::Internal, message)
    }
}

/// As an error in the form of the protocol.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.message }).to_string();
        let mut response = (self.kind.status(), [(CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        match self.kind {
            Kind::Busy | Kind::Unavailable => drop(headers.insert(RETRY_AFTER, SOON)),
            Kind::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => {}
        }
        response
    }
}
