//! What the protocol says about the server and its models: metadata, health, configuration, statistics.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::json as answer;
use super::path::Path;
use crate::describe;
use crate::model::Model;
use crate::problem::Problem;
use crate::server::Server;

/// The `model`, and the `version` if the path has one.
pub(super) type Names = Path<HashMap<String, String>>;

pub(crate) async fn server() -> Response {
    answer(&json!({
        "name": describe::SERVER, "version": env!("CARGO_PKG_VERSION"), "extensions": describe::EXTENSIONS,
    }))
}

/// Answers that the process is alive. Triton's clients only look at the status, KServe's read the body.
pub(crate) async fn live() -> Response {
    answer(&json!({ "live": true }))
}

pub(crate) async fn ready(State(server): App) -> Response {
    if server.is_ready() { answer(&json!({ "ready": true })) } else { not_ready(&server).into_response() }
}

fn not_ready(server: &Server) -> Problem {
    let is_ending = server.is_ending.load(std::sync::atomic::Ordering::Acquire);
    Problem::unavailable(if is_ending { "the server is ending" } else { "the server is starting" })
}

pub(crate) fn find(server: &Server, names: &HashMap<String, String>) -> Result<Arc<Model>, Problem> {
    let model = names.get("model").map_or("", String::as_str);
    server.registry.get_version(model, names.get("version").map(String::as_str))
}

pub(crate) async fn model_ready(State(server): App, Path(names): Names) -> Result<Response, Problem> {
    let model = find(&server, &names)?;
    model.ticket()?;
    if !server.is_ready() {
        return Err(not_ready(&server));
    }
    Ok(answer(&json!({ "name": model.name, "ready": true })))
}

pub(crate) async fn model(State(server): App, Path(names): Names) -> Result<Response, Problem> {
    let model = find(&server, &names)?;
    model.ticket()?;
    Ok(answer(&describe::metadata(&model.name)))
}

pub(crate) async fn config(State(server): App, Path(names): Names) -> Result<Response, Problem> {
    let model = find(&server, &names)?;
    let ticket = model.ticket()?;
    Ok(answer(&describe::config(&model.name, &ticket.running)))
}

pub(crate) async fn statistics(State(server): App, Path(names): Names) -> Result<Response, Problem> {
    let model = find(&server, &names)?;
    Ok(answer(&json!({ "model_stats": [describe::statistics(&model)] })))
}

pub(crate) async fn all_statistics(State(server): App) -> Response {
    let all: Vec<Value> = server.registry.all().iter().map(|model| describe::statistics(model)).collect();
    answer(&json!({ "model_stats": all }))
}
