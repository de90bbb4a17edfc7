//! Why a request is refused, once for all protocols.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Seconds after which a client that met a full queue may come back.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request can't be understood or asks for what there is not.
    Invalid,
    /// No token, or another one.
    Unauthorized,
    /// A browser's page of another origin, or an address that is not to be fetched.
    Forbidden,
    /// No such model, version, source or path.
    NotFound,
    /// The path is there, for another method.
    Method,
    /// The client sends too slowly.
    Slow,
    /// More bytes or pixels than are taken.
    TooLarge,
    /// The queue is full.
    Busy,
    /// Something failed that should not.
    Internal,
    /// The model is not ready, the server ends, or there is no memory.
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

/// A refusal, and what to say of it.
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

/// In the shape that the protocol has for errors.
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
