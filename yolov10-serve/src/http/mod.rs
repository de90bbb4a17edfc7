//! HTTP: the routes, and the layers that every request passes through.

mod body;
mod detect;
mod elements;
mod infer;
pub(crate) mod manage;
mod metrics;
mod multipart;
mod page;
mod path;
mod v2;
mod video;
mod view;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access;
use crate::log::Line;
use crate::problem::{Kind, Problem};
use crate::server::Server;

type App = State<Arc<Server>>;

/// The header of the binary extension with the length of the JSON before the tensors.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// Every path with its method; `openapi.json` lists the same.
fn routes() -> Vec<(Method, &'static str, MethodRouter<Arc<Server>>)> {
    let mut routes = vec![
        (Method::GET, "/", get(page::index)),
        (Method::GET, "/page.js", get(page::script)),
        (Method::GET, "/page.css", get(page::style)),
        (Method::GET, "/openapi.json", get(page::openapi)),
        (Method::GET, "/metrics", get(metrics::metrics)),
        (Method::GET, "/v1/memory", get(manage::memory)),
        (Method::POST, "/v1/models/{model}/detect", post(detect::detect)),
        (Method::POST, "/v1/models/{model}/trim", post(manage::trim)),
        (Method::POST, "/v1/models/{model}/video", post(video::video)),
        (Method::GET, "/v1/models/{model}/view", get(view::view)),
        (Method::GET, "/v2", get(v2::server)),
        (Method::GET, "/v2/health/live", get(v2::live)),
        (Method::GET, "/v2/health/ready", get(v2::ready)),
        (Method::GET, "/v2/models/stats", get(v2::all_statistics)),
        (Method::POST, "/v2/repository/index", post(manage::index)),
        (Method::POST, "/v2/repository/models/{model}/load", post(manage::load)),
        (Method::POST, "/v2/repository/models/{model}/unload", post(manage::unload)),
    ];
    // The version is optional.
    type Route = fn() -> MethodRouter<Arc<Server>>;
    let of_models: [(_, [&'static str; 2], Route); 5] = [
        (Method::GET, ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"], || get(v2::model)),
        (Method::GET, ["/v2/models/{model}/ready", "/v2/models/{model}/versions/{version}/ready"], || {
            get(v2::model_ready)
        }),
        (Method::GET, ["/v2/models/{model}/config", "/v2/models/{model}/versions/{version}/config"], || {
            get(v2::config)
        }),
        (Method::GET, ["/v2/models/{model}/stats", "/v2/models/{model}/versions/{version}/stats"], || {
            get(v2::statistics)
        }),
        (Method::POST, ["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"], || {
            post(infer::infer)
        }),
    ];
    for (method, paths, handler) in of_models {
        routes.extend(paths.map(|path| (method.clone(), path, handler())));
    }
    routes
}

/// All routes with their layers.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let mut router = Router::new();
    for (_, path, handler) in routes() {
        router = router.route(path, handler);
    }
    router
        .fallback(async |request: Request| Problem::not_found(format_args!("no such path: {}", request.uri().path())))
        .method_not_allowed_fallback(async |request: Request| {
            let (method, path) = (request.method(), request.uri().path());
            Problem::new(Kind::Method, format_args!("{path} takes no {method}"))
        })
        .with_state(Arc::clone(server))
        .layer(CatchPanicLayer::custom(|_| Problem::internal("the server failed at this request").into_response()))
        .layer(from_fn_with_state(Arc::clone(server), access::check))
        .layer(cors(&server.settings.access.origins))
        .layer(from_fn_with_state(Arc::clone(server), log))
}

/// Allows the named origins, if any.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([http::header::AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static(HEADER_LENGTH)])
        .expose_headers([HeaderName::from_static(HEADER_LENGTH)])
}

async fn log(State(server): App, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16().to_string(), started.elapsed());
    server.log.request(&Line { protocol: "http", method: method.as_str(), path: &path, status, took });
    response
}

/// An answer in JSON.
fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_every_path_and_method_and_no_other() {
        let described: serde_json::Value = serde_json::from_str(page::OPENAPI).expect("JSON");
        let paths = described["paths"].as_object().expect("paths");
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods").keys().filter(|key| *key != "parameters");
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routed: BTreeSet<String> = routes().iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        assert_eq!(described, routed);
    }
}
