//! Requests that manage models: load, unload, trim, index, memory.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use yolov10_model::memory::resident;

use super::path::Path;
use super::{App, body, json as answer};
use crate::memory::{Freed, Why};
use crate::problem::Problem;
use crate::server::Server;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    ready: bool,
    parameters: Map<String, Value>,
}

async fn asked(server: &Server, request: Request) -> Result<Asked, Problem> {
    let (head, body) = request.into_parts();
    let body = body::read(server, &head.headers, body).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Asked::default());
    }
    serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format_args!("not a request of the protocol: {error}")))
}

pub(super) async fn index(State(server): App, request: Request) -> Result<Response, Problem> {
    let Asked { ready, .. } = asked(&server, request).await?;
    let lines = server.change(move |server| server.registry.index(ready)).await?;
    Ok(answer(&lines))
}

pub(super) async fn load(State(server): App, Path(model): Path<String>, request: Request) -> Result<Response, Problem> {
    let Asked { parameters, .. } = asked(&server, request).await?;
    Ok(answer(&load_model(&server, model, parameters.keys().next().map(String::as_str)).await?))
}

/// Loads a model; answers what it holds, and what a replaced one freed.
pub(crate) async fn load_model(server: &Arc<Server>, model: String, parameter: Option<&str>) -> Result<Value, Problem> {
    if let Some(parameter) = parameter {
        return Err(Problem::invalid(format_args!("parameter {parameter}: a model is loaded as its file has it")));
    }
    let name = model.clone();
    let (running, replaced) = server.change(move |server| server.registry.load(&name)).await?;
    let (memory, workers) = (running.memory(), running.processes());
    server.log.event(
        "loaded",
        format_args!("model {model}: loaded, {} bytes", memory.total().reserved),
        &json!({ "model": model, "memory": memory }),
    );
    Ok(json!({ "name": model, "state": "READY", "memory": memory, "workers": workers, "replaced": replaced }))
}

pub(super) async fn unload(
    State(server): App,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    // `unload_dependents` has no effect: no model has dependents.
    asked(&server, request).await?;
    Ok(match unload_model(&server, model.clone()).await? {
        Some(freed) => answer(&freed),
        None => answer(&json!({ "model": model, "reason": "it was not loaded", "released": 0, "residue": 0 })),
    })
}

/// Unloads a model; every byte is freed when this returns.
pub(crate) async fn unload_model(server: &Arc<Server>, model: String) -> Result<Option<Freed>, Problem> {
    let freed = server.change(move |server| server.registry.unload(&model, Why::Unloaded)).await?;
    if let Some(freed) = &freed {
        say_freed(server, freed);
    }
    Ok(freed)
}

pub(super) async fn trim(State(server): App, Path(model): Path<String>, request: Request) -> Result<Response, Problem> {
    asked(&server, request).await?;
    let freed = server.change(move |server| server.registry.trim(&model)).await?;
    say_freed(&server, &freed);
    Ok(answer(&freed))
}

pub(crate) fn say_freed(server: &Server, freed: &Freed) {
    let Freed { model, reason, released, took_ms, residue, .. } = freed;
    let message = format!("model {model}: {reason}, {released} bytes given back in {took_ms:.2} ms, {residue} left");
    server.log.event("freed", message, &serde_json::to_value(freed).unwrap_or_default());
}

/// The memory that each model holds.
pub(super) async fn memory(State(server): App) -> Response {
    let registry = &server.registry;
    let model = |model: Arc<crate::model::Model>| {
        let (state, reason) = model.state();
        let mut line = json!({ "name": model.name, "state": state, "reason": reason });
        if let Some(running) = model.running() {
            line["memory"] = json!(running.memory());
            line["instances"] = running.instances().into();
            line["workers"] = json!(running.processes());
            line["requests"] = running.work.count().into();
            line["waiting"] = running.queue.waiting().into();
        }
        line
    };
    let models: Vec<Value> = registry.all().into_iter().map(model).collect();
    answer(&json!({
        "budget": registry.budget.limit(),
        "held": registry.budget.held(),
        "spare_buffers": registry.buffers.spare_bytes(),
        "resident": resident(),
        "models": models,
    }))
}
