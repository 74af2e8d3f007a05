//! Connections: how they are accepted, their deadlines, limits of request heads, and shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::{Result, anyhow};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::address::Address;
use super::certificate::Certificate;
use super::client_stream::ClientStream;
use super::connection_activity::Activity;
use super::connection_places::{Overload, Place};
use super::current::Current;
use super::middleware::Peer;
use super::routes::router;

/// Bytes of a request head, and header fields in it.
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADER_FIELDS: usize = 64;
/// A connection in the reserve ends after this time, whatever it does.
const RESERVE_LIFETIME: Duration = Duration::from_secs(10);
/// When the server stops, responses in progress may take this long to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// The value of the header `Connection` of the last response.
const CLOSE: HeaderValue = HeaderValue::from_static("close");
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

/// Serves until `stopped` changes. Every client is accepted at once: what it gets depends on whether
/// there is a place for it.
pub async fn serve(
    listener: TcpListener,
    current: Arc<Current>,
    tls: Option<(Arc<Certificate>, TlsAcceptor)>,
    mut stopped: watch::Receiver<bool>,
) {
    let state = Arc::clone(&current.process);
    let http = Http {
        router: router(current),
        client_timeout: Duration::from_secs(state.serve.client_timeout_s),
        max_age: Duration::from_secs(state.serve.max_connection_s),
        tls,
    };
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = state.places.enter(peer.ip());
                tokio::spawn(http.clone().serve(stream, peer, place, graceful.watcher()));
            }
            Err(_) => {
                // frees a socket, if there are too many
                state.places.close_waiting();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}

/// What all connections share.
#[derive(Clone)]
struct Http {
    router: Router,
    /// How long the server waits for a client that neither sends nor reads.
    client_timeout: Duration,
    /// When a connection is this old, the next response is its last one, and may take as long again.
    max_age: Duration,
    tls: Option<(Arc<Certificate>, TlsAcceptor)>,
}

impl Http {
    /// Serves a connection until it ends, the server stops, or its place is given to another client.
    async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place, watcher: Watcher) {
        // small responses are sent at once
        let _ = stream.set_nodelay(true);
        let lifetime = sleep(match place.overload {
            Some(_) => RESERVE_LIFETIME,
            None => 2 * self.max_age,
        });
        let activity = Arc::clone(&place.activity);
        let stream = ClientStream::new(stream, Arc::clone(&activity), self.client_timeout);
        let client = Client { peer, activity: Arc::clone(&activity), overload: place.overload };
        tokio::select! {
            () = self.answer(stream, client, watcher) => {}
            () = activity.closed() => {}
            () = lifetime => {}
        }
    }

    async fn answer(self, stream: ClientStream<TcpStream>, client: Client, watcher: Watcher) {
        match self.tls.clone() {
            None => self.answer_requests(stream, client, watcher).await,
            Some((certificate, acceptor)) => {
                certificate.reload_if_changed();
                let handshake = timeout(self.client_timeout, acceptor.accept(stream));
                // an error here means that the client disconnected, or does not speak TLS
                if let Ok(Ok(stream)) = handshake.await {
                    self.answer_requests(stream, client, watcher).await;
                }
            }
        }
    }

    async fn answer_requests(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        client: Client,
        watcher: Watcher,
    ) {
        let (router, max_age, opened) = (self.router, self.max_age, Instant::now());
        let is_short = client.overload.is_some();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            client.activity.request_began();
            request.extensions_mut().insert(Peer(client.peer));
            if let Some(overload) = client.overload {
                request.extensions_mut().insert::<Overload>(overload);
            }
            let response = router.clone().call(request);
            let activity = Arc::clone(&client.activity);
            async move {
                let mut response = response.await?;
                if opened.elapsed() >= max_age {
                    response.headers_mut().insert(header::CONNECTION, CLOSE);
                }
                Ok::<_, Infallible>(response.map(|body| WatchedBody { body, activity }))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_timeout)
            .keep_alive(!is_short)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADER_FIELDS)
            .serve_connection(TokioIo::new(stream), service);
        // an error here means that the client disconnected or exceeded a deadline
        let _ = watcher.watch(connection).await;
    }
}

/// The client of a connection.
struct Client {
    peer: SocketAddr,
    activity: Arc<Activity>,
    overload: Option<Overload>,
}

/// A body that reports its end.
struct WatchedBody {
    body: Body,
    activity: Arc<Activity>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.activity.response_ended();
    }
}
