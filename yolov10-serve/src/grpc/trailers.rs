//! Trailing metadata of successful answers, which tonic cannot set: the service puts it into leading metadata under one
//! name, and this layer moves it behind the message.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::Frame;
use http_body_util::BodyExt;

/// The memory that a model freed, as JSON.
pub(super) const REPORT: &str = "yolo10-free-report";

pub(super) async fn move_report(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let (mut head, body) = response.into_parts();
    let Some(report) = head.headers.remove(REPORT) else {
        return Response::from_parts(head, body);
    };
    let body = body.map_frame(move |frame| match frame.into_trailers() {
        Ok(mut trailers) => {
            trailers.insert(REPORT, report.clone());
            Frame::trailers(trailers)
        }
        Err(data) => data,
    });
    Response::from_parts(head, Body::new(body))
}
