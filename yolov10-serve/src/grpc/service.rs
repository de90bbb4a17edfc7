//! The protocol's gRPC service.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use super::protocol as p;
use super::status;
use super::trailers::REPORT;
use crate::describe::{EXTENSIONS, SERVER};
use crate::http::manage::{load_model, unload_model};
use crate::problem::Problem;
use crate::server::{Ask, Server};
use crate::tensors;

/// Most answers of a stream that wait for the client.
const AHEAD: usize = 4;

pub(super) struct Service {
    pub(super) server: Arc<Server>,
}

type Answer<T> = Result<Response<T>, Status>;
type Answers = Pin<Box<dyn Stream<Item = Result<p::ModelStreamInferResponse, Status>> + Send>>;

impl Service {
    fn find(&self, name: &str, version: &str) -> Result<Arc<crate::model::Model>, Status> {
        self.server.registry.get_version(name, Some(version)).map_err(status)
    }
}

async fn infer(
    server: &Arc<Server>,
    mut request: p::ModelInferRequest,
    deadline: Option<Duration>,
) -> Result<p::ModelInferResponse, Problem> {
    // Check that the model exists before looking at tensors.
    server.registry.get_version(&request.model_name, Some(&request.model_version))?;
    let (inputs, timeout) = convert::inputs(&mut request)?;
    let ask = Ask {
        model: &request.model_name,
        version: Some(&request.model_version),
        pictures: tensors::count(&inputs)?,
        deadline: [deadline, timeout].into_iter().flatten().min(),
    };
    let (done, ticket) = server.search(ask, move |bounds| tensors::pictures(&inputs, bounds)).await?;
    Ok(convert::answer(&ticket.model.name, request.id, &done.seen))
}

/// The client's timeout: digits and a unit.
fn deadline<T>(request: &Request<T>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.checked_mul(3600)?),
        "M" => Duration::from_secs(number.checked_mul(60)?),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// A message with a report, which becomes trailing metadata.
fn with_report<T>(message: T, report: &impl Serialize) -> Answer<T> {
    let mut response = Response::new(message);
    let json = serde_json::to_string(report).map_err(|error| Status::internal(error.to_string()))?;
    let value = MetadataValue::try_from(json).map_err(|error| Status::internal(error.to_string()))?;
    response.metadata_mut().insert(REPORT, value);
    Ok(response)
}

#[tonic::async_trait]
impl p::grpc_inference_service_server::GrpcInferenceService for Service {
    async fn server_live(&self, _: Request<p::ServerLiveRequest>) -> Answer<p::ServerLiveResponse> {
        Ok(Response::new(p::ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<p::ServerReadyRequest>) -> Answer<p::ServerReadyResponse> {
        Ok(Response::new(p::ServerReadyResponse { ready: self.server.is_ready() }))
    }

    async fn model_ready(&self, request: Request<p::ModelReadyRequest>) -> Answer<p::ModelReadyResponse> {
        let p::ModelReadyRequest { name, version } = request.into_inner();
        let model = self.find(&name, &version)?;
        let ready = self.server.is_ready() && model.running().is_some();
        Ok(Response::new(p::ModelReadyResponse { ready }))
    }

    async fn server_metadata(&self, _: Request<p::ServerMetadataRequest>) -> Answer<p::ServerMetadataResponse> {
        Ok(Response::new(p::ServerMetadataResponse {
            name: SERVER.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.map(ToOwned::to_owned).to_vec(),
        }))
    }

    async fn model_metadata(&self, request: Request<p::ModelMetadataRequest>) -> Answer<p::ModelMetadataResponse> {
        let p::ModelMetadataRequest { name, version } = request.into_inner();
        let model = self.find(&name, &version)?;
        model.ticket().map_err(status)?;
        Ok(Response::new(convert::metadata(&model.name)))
    }

    async fn model_infer(&self, request: Request<p::ModelInferRequest>) -> Answer<p::ModelInferResponse> {
        let deadline = deadline(&request);
        infer(&self.server, request.into_inner(), deadline).await.map(Response::new).map_err(status)
    }

    type ModelStreamInferStream = Answers;

    async fn model_stream_infer(&self, request: Request<Streaming<p::ModelInferRequest>>) -> Answer<Answers> {
        let mut requests = request.into_inner();
        let (answers, stream) = channel(AHEAD);
        let server = Arc::clone(&self.server);
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                // A broken stream ends; a bad request gets an error as its answer.
                let answer = match request {
                    Err(broken) => Err(broken),
                    Ok(request) => {
                        let id = request.id.clone();
                        let done = tokio::select! {
                            done = infer(&server, request, None) => done,
                            () = answers.closed() => return,
                        };
                        Ok(stream_answer(id, done))
                    }
                };
                let is_over = answer.is_err();
                if answers.send(answer).await.is_err() || is_over {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn model_config(&self, request: Request<p::ModelConfigRequest>) -> Answer<p::ModelConfigResponse> {
        let p::ModelConfigRequest { name, version } = request.into_inner();
        let model = self.find(&name, &version)?;
        let ticket = model.ticket().map_err(status)?;
        Ok(Response::new(p::ModelConfigResponse { config: Some(convert::config(&name, &ticket.running)) }))
    }

    async fn model_statistics(
        &self,
        request: Request<p::ModelStatisticsRequest>,
    ) -> Answer<p::ModelStatisticsResponse> {
        let p::ModelStatisticsRequest { name, version } = request.into_inner();
        let models = if name.is_empty() { self.server.registry.all() } else { vec![self.find(&name, &version)?] };
        let model_stats = models.iter().map(|model| convert::statistics(model)).collect();
        Ok(Response::new(p::ModelStatisticsResponse { model_stats }))
    }

    async fn repository_index(
        &self,
        request: Request<p::RepositoryIndexRequest>,
    ) -> Answer<p::RepositoryIndexResponse> {
        let ready = request.into_inner().ready;
        let lines = self.server.change(move |server| server.registry.index(ready)).await.map_err(status)?;
        let models = lines.into_iter().map(|line| p::repository_index_response::ModelIndex {
            name: line.name,
            version: line.version.to_owned(),
            state: line.state.to_owned(),
            reason: line.reason,
        });
        Ok(Response::new(p::RepositoryIndexResponse { models: models.collect() }))
    }

    async fn repository_model_load(
        &self,
        request: Request<p::RepositoryModelLoadRequest>,
    ) -> Answer<p::RepositoryModelLoadResponse> {
        let p::RepositoryModelLoadRequest { model_name, parameters, .. } = request.into_inner();
        let parameter = parameters.keys().next().map(String::as_str);
        let loaded = load_model(&self.server, model_name, parameter).await.map_err(status)?;
        with_report(p::RepositoryModelLoadResponse {}, &loaded)
    }

    async fn repository_model_unload(
        &self,
        request: Request<p::RepositoryModelUnloadRequest>,
    ) -> Answer<p::RepositoryModelUnloadResponse> {
        let model = request.into_inner().model_name;
        let freed = unload_model(&self.server, model).await.map_err(status)?;
        with_report(p::RepositoryModelUnloadResponse {}, &freed)
    }
}

fn stream_answer(id: String, done: Result<p::ModelInferResponse, Problem>) -> p::ModelStreamInferResponse {
    match done {
        Ok(response) => p::ModelStreamInferResponse { error_message: String::new(), infer_response: Some(response) },
        // Keep the id of the request.
        Err(problem) => p::ModelStreamInferResponse {
            error_message: problem.message,
            infer_response: Some(p::ModelInferResponse { id, ..p::ModelInferResponse::default() }),
        },
    }
}
