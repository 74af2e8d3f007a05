//! Connections: their number, limits of request heads, and shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::Service;

use super::address::Address;
use super::middleware::Peer;
use super::routes::router;
use super::state::SharedState;

/// Open connections; further clients wait to be accepted.
const MAX_CONNECTIONS: usize = 1_024;
/// Bytes of a request head, and header fields in it.
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADER_FIELDS: usize = 64;
/// A client may take this long to send a head, or keep an idle connection open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// When the server stops, responses in progress may take this long to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on the address.
///
/// # Errors
/// An address that is taken or does not belong to this machine.
pub async fn open(address: &Address) -> Result<TcpListener> {
    TcpListener::bind(address.sockets.as_slice()).await.map_err(|error| {
        let shown = address.sockets.first().map(SocketAddr::to_string).unwrap_or_default();
        match error.kind() {
            io::ErrorKind::AddrInUse => anyhow!(
                "{shown} is taken by another program, possibly another `mobility serve`; choose \
                 another port with --bind"
            ),
            io::ErrorKind::PermissionDenied => {
                anyhow!(
                    "this user may not listen on {shown}; choose a port from 1024 on with --bind"
                )
            }
            _ => anyhow!("cannot listen on {shown}: {error}; choose another address with --bind"),
        }
    })
}

/// Serves until `stopped` changes.
pub async fn serve(listener: TcpListener, state: SharedState, mut stopped: watch::Receiver<bool>) {
    let router = router(state);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = graceful.watch(connection(stream, peer, router.clone()));
                tokio::spawn(async move {
                    // an error here means that the client disconnected
                    let _ = connection.await;
                    drop(slot);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // small responses are sent at once
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
}
