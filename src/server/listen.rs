//! Connections: how many, how large their heads may be, how long they may take, how they end.

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

use super::bind::Address;
use super::layer::Peer;
use super::routes::router;
use super::state::State;

/// Connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 1_024;
/// Bytes of a request's head, and header fields in it.
const HEAD_BYTES: usize = 16 << 10;
const HEAD_FIELDS: usize = 64;
/// For so long a client may take to send a head, or keep a connection without a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Answers under way end in this time when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Before the next attempt when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);

/// # Errors
/// An address that is taken or not ours.
pub async fn open(address: &Address) -> Result<TcpListener> {
    TcpListener::bind(address.sockets.as_slice()).await.map_err(|error| {
        let shown = address.sockets.first().map(SocketAddr::to_string).unwrap_or_default();
        match error.kind() {
            io::ErrorKind::AddrInUse => anyhow!(
                "{shown} is taken by another program, maybe by another `mobility serve`; choose \
                 another port with --bind"
            ),
            io::ErrorKind::PermissionDenied => {
                anyhow!("{shown} may not be used by this user; choose a port from 1024 with --bind")
            }
            _ => anyhow!("cannot listen on {shown}: {error}; choose another address with --bind"),
        }
    })
}

/// Serves until `stopped` says so.
pub async fn serve(listener: TcpListener, shared: State, mut stopped: watch::Receiver<bool>) {
    let router = router(shared);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = graceful.watch(connection(stream, peer, router.clone()));
                tokio::spawn(async move {
                    // a client that breaks off is no fault of ours
                    let _ = connection.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // answers are small and must not wait for more
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
}
