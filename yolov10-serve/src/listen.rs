//! Connections, with or without TLS: a limited number at a time, each with a bound on how slowly requests may arrive and
//! answers may be read, until the server ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::impatient::Impatient;

/// Largest head of a request, in bytes.
const HEAD: usize = 64 << 10;
/// Most requests of an HTTP/2 connection at a time.
const STREAMS: u32 = 128;
/// Pause after the system refused a connection, mostly for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) app: Router,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) patience: Duration,
}

impl Listener {
    /// Serves until `ended` says so, then waits for the requests that are being answered.
    pub(crate) async fn serve(self, mut ended: watch::Receiver<bool>) {
        let open = GracefulShutdown::new();
        loop {
            let connection = tokio::select! {
                connection = self.accept() => connection,
                _ = ended.wait_for(|ended| *ended) => break,
            };
            match connection {
                Some((stream, permit)) => self.start(stream, permit, &open),
                None => sleep(PAUSE).await,
            }
        }
        drop(self.socket);
        open.shutdown().await;
    }

    /// Accepts the next connection, once there is room for it; others wait in the system.
    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
        let (stream, _) = self.socket.accept().await.ok()?;
        Some((stream, permit))
    }

    fn start(&self, stream: TcpStream, permit: OwnedSemaphorePermit, open: &GracefulShutdown) {
        // Answers are small and should go out at once. This fails on a connection that is already gone.
        stream.set_nodelay(true).ok();
        let watcher = open.watcher();
        let (app, patience, tls) = (self.app.clone(), self.patience, self.tls.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => connection(stream, app, patience, watcher).await,
                Some(tls) => {
                    // A handshake that fails or takes too long is the client's problem.
                    if let Ok(Ok(stream)) = timeout(patience, tls.accept(stream)).await {
                        connection(stream, app, patience, watcher).await;
                    }
                }
            }
        });
    }
}

async fn connection<S>(stream: S, app: Router, patience: Duration, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience);
    let service = TowerToHyperService::new(app);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        hyper::service::Service::call(&service, request)
    });
    let stream = TokioIo::new(Impatient::new(stream, patience));
    let connection = builder.serve_connection(stream, service).into_owned();
    // Clients may break off at any time.
    watcher.watch(connection).await.ok();
}

/// Opens the address to listen at, and returns the actual one: port 0 means any port.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(address).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
