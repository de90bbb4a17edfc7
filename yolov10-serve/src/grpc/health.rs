//! gRPC's own service of health: what readiness says of the server and of each model at the moment that it is asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::channel;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use crate::server::Server;

const SERVICE: &str = "inference.GRPCInferenceService";
/// How often it is looked for those who watch.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Health {
    pub(super) server: Arc<Server>,
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        let status = status(&self.server, service)
            .ok_or_else(|| Status::not_found(format!("neither a service nor a model: {service}")))?;
        Ok(Response::new(answer(status)))
    }

    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    /// What it is now, and whenever it changes; a service that is not known may come to be.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let server = Arc::clone(&self.server);
        let (sender, changes) = channel(1);
        tokio::spawn(async move {
            let mut said = None;
            loop {
                // Looked at first: what is said at the end is that it ends.
                let is_ending = server.is_ending.load(Ordering::Acquire);
                let now = status(&server, &service).unwrap_or(ServingStatus::ServiceUnknown);
                if said != Some(now) && sender.send(Ok(answer(now))).await.is_err() {
                    return;
                }
                said = Some(now);
                // Who watches keeps no server from ending.
                if is_ending {
                    return;
                }
                tokio::select! {
                    () = sleep(LOOK) => {},
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(changes)))
    }
}

fn status(server: &Server, service: &str) -> Option<ServingStatus> {
    let is_there = match service {
        "" | SERVICE => true,
        model => server.registry.get(model).ok()?.running().is_some(),
    };
    Some(if is_there && server.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing })
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
