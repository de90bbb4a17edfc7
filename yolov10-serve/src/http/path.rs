//! What stands in a request's path, with a refusal in the protocol's shape where it can't be read.

use axum::extract::{FromRequestParts, Path as Found};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// As axum's own, but for what it says when a path is no text.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Found::from_request_parts(parts, state).await;
        found.map(|Found(value)| Self(value)).map_err(|rejection| Problem::invalid(rejection.body_text()))
    }
}
