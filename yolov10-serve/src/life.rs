//! A server's life: listen, load, serve; when told to end, serve on for a while, drain, and free everything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::http::manage::say_freed;
use crate::listen::{Listener, bind};
use crate::log::Log;
use crate::memory::Freed;
use crate::model::DRAIN;
use crate::problem::Problem;
use crate::server::Server;
use crate::settings::{Maker, Settings};
use crate::{http, name, tls};

/// Time for threads that still wait for a camera or a file when everything else has ended.
const LEFTOVERS: Duration = Duration::from_millis(500);
/// Shortest and longest time between looks for idle models.
const SWEEPS: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// Serves until the process is told to end, by SIGTERM or Ctrl-C.
///
/// # Errors
/// The server can't start, or memory was left when it ended.
pub fn serve(maker: Maker, settings: Settings) -> Result<(), Error> {
    check(&settings)?;
    // Buffers come from the allocator.
    yolov10_cpu::unmap_large_blocks();
    let runtime = Builder::new_multi_thread().enable_all().thread_name("serve").build()?;
    let ended = runtime.block_on(live(maker, settings));
    runtime.shutdown_timeout(LEFTOVERS);
    ended
}

fn check(settings: &Settings) -> Result<(), Error> {
    let models = settings.models.iter().map(|named| ("model", &named.name));
    let sources = settings.sources.iter().map(|named| ("source", &named.name));
    let mut seen = Vec::new();
    for (what, found) in models.chain(sources) {
        name::check(found).map_err(|problem| Error::Name(format!("{what} {problem}")))?;
        if seen.contains(&(what, found)) {
            return Err(Error::Name(format!("{what} name {found}: it is given twice")));
        }
        seen.push((what, found));
    }
    let is_open = settings.access.token.is_none() && !settings.access.no_auth;
    let mut addresses = [Some(settings.http), settings.grpc].into_iter().flatten();
    match addresses.find(|address| is_open && !address.ip().is_loopback()) {
        Some(address) => Err(Error::Open { address }),
        None => Ok(()),
    }
}

async fn live(maker: Maker, mut settings: Settings) -> Result<(), Error> {
    let log = Log(settings.log);
    let tls = settings.access.tls.as_ref().map(tls::acceptor).transpose()?;
    let listen = async |address| bind(address).await.map_err(|source| Error::Listen { address, source });
    let (http_socket, http_address) = listen(settings.http).await?;
    settings.http = http_address;
    let grpc = match settings.grpc.filter(|_| cfg!(feature = "grpc")) {
        None => None,
        Some(address) => Some(listen(address).await?),
    };
    settings.grpc = grpc.as_ref().map(|(_, address)| *address);
    let mut signals = Signals::catch()?;
    let server = Server::new(maker, settings, log);
    let (end, ended) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(server.settings.limits.connections));
    let start = |socket: TcpListener, app: axum::Router| {
        let (tls, connections) = (tls.clone(), Arc::clone(&connections));
        let patience = server.settings.limits.patience;
        tokio::spawn(Listener { socket, tls, app, connections, patience }.serve(ended.clone()))
    };
    let mut listeners = vec![start(http_socket, http::router(&server))];
    #[cfg(feature = "grpc")]
    listeners.extend(grpc.map(|(socket, _)| start(socket, crate::grpc::router(&server))));
    #[cfg(not(feature = "grpc"))]
    drop(grpc);

    let loading = {
        let server = Arc::clone(&server);
        spawn_blocking(move || load(&server))
    };
    let early = tokio::select! {
        loaded = loading => match loaded {
            Ok(loaded) => loaded.map(|()| None),
            Err(_) => Err(Error::Load("loading panicked".to_owned())),
        },
        signal = signals.next() => Ok(Some(signal)),
    };
    let signal = match early {
        Ok(signal) => signal,
        Err(error) => {
            close(&server).await?;
            return Err(error);
        }
    };
    if signal.is_none() {
        server.is_started.store(true, Ordering::Release);
        say_ready(&server, tls.is_some());
        let sweeping = tokio::spawn(sweep(Arc::clone(&server)));
        signals.next().await;
        sweeping.abort();
    }
    server.is_ending.store(true, Ordering::Release);
    let delay = server.settings.shutdown_delay;
    let message = format!("ending: not ready from now on, serving for {:.1} s more", delay.as_secs_f64());
    log.event("ending", message, &json!({ "delay_s": delay.as_secs_f64() }));
    tokio::select! {
        () = sleep(delay) => {},
        signal = signals.next() => force(signal),
    }
    drain(end, listeners, &mut signals).await;
    close(&server).await
}

/// Takes no new requests, and gives those in progress some time.
async fn drain(end: watch::Sender<bool>, listeners: Vec<JoinHandle<()>>, signals: &mut Signals) {
    end.send_replace(true);
    let all = async {
        for listener in listeners {
            // A listener that panicked has no requests left.
            listener.await.ok();
        }
    };
    tokio::select! {
        // Requests that take longer are cut off.
        drained = timeout(DRAIN, all) => drop(drained),
        signal = signals.next() => force(signal),
    }
}

/// Ends the process at once, at a second signal.
fn force(signal: i32) {
    std::process::exit(128 + signal);
}

/// Unloads every model, and logs what was freed.
async fn close(server: &Arc<Server>) -> Result<(), Error> {
    let closing = Arc::clone(server);
    let freed = spawn_blocking(move || closing.registry.close()).await.unwrap_or_default();
    let mut left = Ok(());
    for freed in freed {
        match freed {
            Ok(freed) => say_freed(server, &freed),
            Err(problem) => left = Err(Error::Left(problem.message)),
        }
    }
    left
}

/// Loads the models. Named ones must load; a failure in the repository is only logged.
fn load(server: &Server) -> Result<(), Error> {
    let failed = |problem: Problem| Error::Load(problem.message);
    let registry = &server.registry;
    registry.look().map_err(failed)?;
    let settings = &server.settings;
    for named in &settings.models {
        registry.load(&named.name).map_err(failed)?;
    }
    let others = registry.all().into_iter().filter(|model| model.running().is_none() && !settings.on_demand);
    for model in others.collect::<Vec<_>>() {
        if server.is_ending.load(Ordering::Acquire) {
            break;
        }
        // No model of the repository is evicted for another: the first ones stay.
        if let Err(problem) = registry.load_without_eviction(&model.name) {
            server.log.event("not loaded", &problem, &json!({ "model": model.name }));
        }
    }
    Ok(())
}

fn say_ready(server: &Server, is_tls: bool) {
    let settings = &server.settings;
    let scheme = if is_tls { "https" } else { "http" };
    let http = format!("{scheme}://{}", settings.http);
    let grpc = settings.grpc.map(|address| address.to_string());
    let and_grpc = grpc.as_ref().map_or(String::new(), |address| format!(", grpc at {address}"));
    let only_ready = true;
    let lines = server.registry.index(only_ready).unwrap_or_default();
    let models: Vec<String> = lines.into_iter().map(|line| line.name).collect();
    let listed = if models.is_empty() { "no model".to_owned() } else { models.join(", ") };
    let message = format!("ready: {http}{and_grpc}, with {listed}");
    server.log.event("ready", message, &json!({ "http": http, "grpc": grpc, "models": models }));
}

/// Unloads or trims idle models, again and again.
async fn sweep(server: Arc<Server>) {
    let memory = &server.settings.memory;
    let Some(shortest) = [memory.idle_unload, memory.trim_after].into_iter().flatten().min() else { return };
    let pause = (shortest / 8).clamp(SWEEPS[0], SWEEPS[1]);
    loop {
        sleep(pause).await;
        let registry = Arc::clone(&server.registry);
        let freed: Vec<Result<Freed, Problem>> = spawn_blocking(move || registry.sweep()).await.unwrap_or_default();
        for freed in freed {
            match freed {
                Ok(freed) => say_freed(&server, &freed),
                Err(problem) => server.log.event("residue", &problem, &json!(null)),
            }
        }
    }
}

/// The signals that ask the process to end.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one; returns its number.
    async fn next(&mut self) -> i32 {
        use tokio::signal::unix::SignalKind;
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}

/// Ctrl-C, on systems without Unix signals.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        const INTERRUPT: i32 = 2;
        tokio::signal::ctrl_c().await.ok();
        INTERRUPT
    }
}
