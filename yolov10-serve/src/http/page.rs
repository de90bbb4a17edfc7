//! The web page to try the server, and the description of its interface, both built in.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

pub(super) const OPENAPI: &str = include_str!("../page/openapi.json");
/// Content security policy: nothing from other origins, and no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) async fn index() -> Response {
    text("text/html; charset=utf-8", include_str!("../page/index.html"))
}

pub(super) async fn script() -> Response {
    text("text/javascript; charset=utf-8", include_str!("../page/page.js"))
}

pub(super) async fn style() -> Response {
    text("text/css; charset=utf-8", include_str!("../page/page.css"))
}

pub(super) async fn openapi() -> Response {
    text("application/json", OPENAPI)
}

fn text(kind: &'static str, body: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}
