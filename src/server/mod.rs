//! `serve`: every view as a page, a file and a picture, on either warehouse.
//!
//! Requests are answered from memory where they can be: answers are kept for one version of the
//! loaded data and dropped with it. What is not kept is asked of the warehouse on a thread of its
//! own, at most so many at a time, and streams through a short queue to the client.

mod access;
mod answer;
mod assets;
mod audit;
mod bind;
mod columns;
mod edition;
mod fixed;
mod gate;
mod health;
mod inline;
mod layer;
mod links;
mod listen;
mod listing;
mod map;
mod metrics;
mod names;
mod negotiate;
mod openapi;
mod page;
pub mod params;
mod problem;
mod produce;
pub mod quality;
pub mod report;
mod routes;
mod security;
mod sink;
mod source;
mod state;
mod summary;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use crate::config::Config;
use crate::progress::log::Log;
use crate::runtime::interrupt;
use state::Shared;

/// What queries still do when the server stops is given up after this.
const LAST_QUERIES: Duration = Duration::from_millis(500);

/// What flags say beside the config.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Let everybody in, wherever the server listens.
    pub insecure: bool,
    pub quiet: bool,
    /// Write the access log.
    pub verbose: bool,
    /// Where access, audit and faults are written to.
    pub log: Log,
}

/// Serves until the program is interrupted; answers under way then have a few seconds to end.
///
/// # Errors
/// Views that cannot be read; an address that is taken, or that others reach without a token.
pub fn run(config: Config, settings: &Settings) -> Result<()> {
    let address = bind::address(&config, settings)?;
    let warehouse = config.warehouse.url.to_string();
    let shared = Arc::new(Shared::new(config, settings.clone(), &address)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("serve")
        .build()
        .context("no threads for the server")?;
    let (stop, stopped) = watch::channel(false);
    let listener = runtime.block_on(listen::open(&address))?;
    interrupt::on_first_interrupt(move || {
        stop.send_replace(true);
    });
    let local = listener.local_addr().context("the server has no address")?;
    announce(local, &warehouse)?;
    runtime.block_on(async {
        // the first visitor need not wait for it
        let source = Arc::clone(&shared.source);
        tokio::spawn(async move { source.edition().await.map(drop) });
        listen::serve(listener, Arc::clone(&shared), stopped).await;
    });
    runtime.shutdown_timeout(LAST_QUERIES);
    Ok(())
}

fn announce(address: SocketAddr, warehouse: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "http://{address}/ shows {warehouse}; Ctrl-C stops it")?;
    out.flush()?;
    Ok(())
}
