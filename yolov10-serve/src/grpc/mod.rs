//! gRPC: the protocol's service, and gRPC's standard health service.

mod convert;
mod health;
mod service;
mod trailers;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};
use tonic_health::pb::health_server::HealthServer;

use crate::access::check_token;
use crate::log::Line;
use crate::problem::{Kind, Problem};
use crate::server::Server;

/// The messages and the service, generated from `proto/inference.proto`.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub(crate) mod protocol {
    tonic::include_proto!("inference");
}

/// The trailer with the status.
const STATUS: &str = "grpc-status";

/// All gRPC services.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let limit = server.settings.limits.body;
    let service = service::Service { server: Arc::clone(server) };
    let service = protocol::grpc_inference_service_server::GrpcInferenceServiceServer::new(service)
        .max_decoding_message_size(limit)
        .max_encoding_message_size(usize::MAX);
    let health = HealthServer::new(health::Health { server: Arc::clone(server) });
    tonic::service::Routes::new(health)
        .add_service(service)
        .into_axum_router()
        .layer(from_fn(trailers::move_report))
        .layer(from_fn_with_state(Arc::clone(server), check))
        .layer(from_fn_with_state(Arc::clone(server), log))
}

/// Checks the token; health is open to all.
async fn check(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let is_health = request.uri().path().starts_with("/grpc.health.v1.Health/");
    match check_token(&server.settings.access, request.headers()) {
        Err(problem) if !is_health => status(problem).into_http::<axum::body::Body>().into_response(),
        _ => next.run(request).await,
    }
}

async fn log(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    // A stream has its status at the end.
    let code = response.headers().get(STATUS).and_then(|code| code.to_str().ok()?.parse().ok());
    let status = code.map_or("OK".to_owned(), |code: i32| format!("{:?}", Code::from(code)));
    server.log.request(&Line { protocol: "grpc", method: "POST", path: &path, status, took: started.elapsed() });
    response
}

/// A problem as a gRPC status.
fn status(problem: Problem) -> Status {
    let code = match problem.kind {
        Kind::Invalid | Kind::Method => Code::InvalidArgument,
        Kind::Unauthorized => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Slow | Kind::Deadline => Code::DeadlineExceeded,
        Kind::TooLarge | Kind::Busy => Code::ResourceExhausted,
        Kind::Internal => Code::Internal,
        Kind::Unavailable => Code::Unavailable,
    };
    Status::new(code, problem.message)
}
