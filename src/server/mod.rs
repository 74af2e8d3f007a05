//! `serve`: every view as a page, as JSON, as files and on the dashboard, from either warehouse.
//!
//! Responses are cached per version of the loaded data. Other requests query the warehouse, each on
//! a thread of its own and a limited number at a time, and their rows are streamed to the client
//! through a short queue.

mod access_control;
mod access_log;
mod address;
mod assets;
mod audience;
mod cache;
mod caller;
mod certificate;
mod client_address;
mod client_stream;
mod connection_activity;
mod connection_places;
mod connections;
mod current;
mod documents;
mod health;
mod links;
mod metrics;
mod middleware;
mod movement;
mod negotiation;
mod openapi;
pub mod params;
mod people;
mod private_file;
mod problem;
mod quality;
mod query_limit;
mod rejected_views;
mod relation_routes;
mod request_error;
mod response_writer;
mod routes;
mod rows;
mod rows_writer;
mod security_headers;
mod setup;
mod site;
mod state;
mod stored_response;
mod token_file;
mod tokens;
mod warehouse_monitor;
mod wrong_tokens;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Map;
use tokio::sync::watch;

use crate::config::Audience;
use crate::progress::log::{Level, Log};
use crate::runtime::{interrupt, open_files};
use certificate::Certificate;
use current::Current;
pub use setup::{DefinitionSource, Definitions, OpenWarehouse, Options, Setup};
use state::Process;

/// When the server stops, running queries may take this long to end.
const QUERY_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);
/// Files and sockets besides those of clients: of the warehouse, its queries and the log.
const OTHER_OPEN_FILES: u64 = 256;

/// Where a server listens, and what it shows.
pub struct Listening {
    pub url: String,
    /// The warehouse as messages name it.
    pub warehouse: String,
    pub audience: Audience,
}

/// Serves until the program is interrupted; responses in progress then have a few seconds to end.
/// `announce` is called when clients can connect.
///
/// # Errors
/// The error of `announce`; an address that is taken, or that other machines reach while no token is set, or only by plain HTTP;
/// a certificate that cannot be read; rows of single users without a token; an audit log that cannot be
/// opened; a view with the name of a route.
pub fn run(
    setup: Setup,
    options: Options,
    announce: impl FnOnce(&Listening) -> Result<()>,
) -> Result<()> {
    let Setup { serve, warehouse, audience, source } = setup;
    let address = address::resolve(&serve, options.insecure)?;
    let audience = audience::of_server(&serve, &address, audience)?;
    let base_path = serve.url_prefix()?.unwrap_or_default();
    let certificate = Certificate::open(&serve, &options.log)?;
    let tls = match &certificate {
        Some(certificate) => Some((Arc::clone(certificate), certificate.acceptor()?)),
        None => None,
    };
    let max_connections = limited_by_open_files(serve.max_connections, &options.log);
    let process = Process::new(serve, &warehouse, options, (&address, audience), max_connections)?;
    let current = Arc::new(Current::new(Arc::new(process), source)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("serve")
        .build()
        .context("cannot start the threads of the server")?;
    let (stop, stopped) = watch::channel(false);
    let listener = runtime.block_on(connections::open(&address))?;
    interrupt::on_first_interrupt(move || {
        stop.send_replace(true);
    });
    let scheme = if certificate.is_some() { "https" } else { "http" };
    if let Some(certificate) = certificate {
        interrupt::on_hangup(move || certificate.reload());
    }
    let local = listener.local_addr().context("the server has no address")?;
    announce(&Listening {
        url: format!("{scheme}://{local}{base_path}/"),
        warehouse: current.process.warehouse_url.clone(),
        audience,
    })?;
    runtime.block_on(async {
        // opens the warehouse before the first request
        let state = current.state().await;
        tokio::spawn(async move { state.monitor.current().await.map(drop) });
        connections::serve(listener, Arc::clone(&current), tls, stopped).await;
        current.process.stopping.cancel();
        let idle = current.process.query_limit.idle();
        let _ = tokio::time::timeout(QUERY_SHUTDOWN_TIMEOUT, idle).await;
    });
    runtime.shutdown_timeout(QUERY_SHUTDOWN_TIMEOUT);
    Ok(())
}

/// The number of connections for which the process can open sockets.
fn limited_by_open_files(wanted: usize, log: &Log) -> usize {
    let reserved = OTHER_OPEN_FILES + connection_places::RESERVE as u64;
    let limit = open_files::raise_limit(wanted as u64 + reserved);
    let possible = usize::try_from(limit.saturating_sub(reserved)).unwrap_or(usize::MAX).max(1);
    if possible < wanted {
        let text = format!(
            "only {possible} of {wanted} connections (serve.max_connections) are possible, because the \
             operating system allows {limit} open files (ulimit -n)"
        );
        log.line(Level::Warning, Some("serve"), &text, Map::new(), || format!("serve: {text}"));
    }
    possible.min(wanted)
}
