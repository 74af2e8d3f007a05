//! Recognises connection poolers that give every transaction another session of the server, as pgbouncer
//! does with `pool_mode = transaction`.
//!
//! There, the lock of a load would belong to nobody, settings would reach the sessions of other clients,
//! and prepared statements and temporary tables would be missing or those of others.

use anyhow::{Result, anyhow, bail};
use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};

use super::server_errors::failed;
use crate::config::WarehouseUrl;

/// How often the sessions of two connections are compared. A pooler without other clients is recognised
/// the first time; among many clients, a session may happen to stay with a connection for a while.
const ROUNDS: usize = 3;

/// Refuses such a pooler: the session behind a connection must stay the same, and differ from that of
/// another connection. `connect` makes connections to the same address as `first`, whose settings are
/// unchanged so far.
///
/// # Errors
/// A pooler by transaction or statement; errors of the server.
pub fn refuse_shared_sessions(
    first: &mut Client,
    url: &WarehouseUrl,
    connect: impl Fn() -> Result<Client, postgres::Error>,
) -> Result<()> {
    let mut second = match connect() {
        Ok(client) => client,
        // a limit of one connection leaves nothing to compare
        Err(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for _ in 0..ROUNDS {
        if shares_sessions(first, &mut second)? {
            bail!(
                "{url} is a connection pooler that gives every transaction another session, such as \
                 pgbouncer with pool_mode = transaction; mobility needs a session of its own for \
                 locks, temporary tables and prepared statements: connect to the PostgreSQL server \
                 itself, or to a pool with pool_mode = session"
            );
        }
    }
    Ok(())
}

fn shares_sessions(first: &mut Client, second: &mut Client) -> Result<bool> {
    let session = session_of(first)?;
    if session_of(second)? == session || session_of(first)? != session {
        return Ok(true);
    }
    second.batch_execute("BEGIN").map_err(failed)?;
    // the open transaction occupies its session, so that the pooler has to give the first connection
    // another one if it was the same
    let other = session_of(second)?;
    let shared = other == session || session_of(first)? != session;
    second.batch_execute("ROLLBACK").map_err(failed)?;
    Ok(shared)
}

/// The process of the server behind a connection. Unlike a prepared statement, a simple query works
/// through every pooler.
fn session_of(client: &mut Client) -> Result<String> {
    let messages = client.simple_query("SELECT pg_catalog.pg_backend_pid()").map_err(failed)?;
    let process = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    process.ok_or_else(|| anyhow!("the server did not tell its process"))
}
