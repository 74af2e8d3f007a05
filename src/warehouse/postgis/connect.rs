//! Opens a connection pool from the warehouse URL and the PG* environment variables; all sessions of
//! the pool have the same settings.
//!
//! As in libpq, the environment supplies the settings that the URL lacks.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use postgres::{Client, Config as PgConfig};
use postgres_native_tls::MakeTlsConnector;
use r2d2::CustomizeConnection;

use super::pooled_connection::{Connection, Pool, PooledClient};
use super::pooler;
use super::search_path::QUALIFIED;
use super::server_errors::{explain, failed, unreachable};
use super::tls;
use crate::config::{Warehouse as Settings, WarehouseUrl};

/// Application name of the sessions.
const APPLICATION: &str = "mobility";

/// Parameters of the URL that this module handles itself, because the client library supports fewer
/// values.
const TLS_PARAMETERS: [&str; 2] = ["sslmode", "sslrootcert"];

/// Settings of the client library, and the TLS connector.
struct Target {
    client: PgConfig,
    tls: MakeTlsConnector,
}

impl Target {
    /// Makes one connection, and refuses a pooler that gives every transaction another session before
    /// any setting of a session is changed.
    fn connect(&self, url: &WarehouseUrl) -> Result<Client> {
        let connect = || self.client.connect(self.tls.clone());
        let mut client = connect().map_err(|e| unreachable(&e, url, &self.client))?;
        pooler::refuse_shared_sessions(&mut client, url, connect)?;
        Ok(client)
    }
}

/// Opens a pool. The first connection is made directly, so that a rejected connection is reported with
/// its reason and not as a timeout of the pool.
///
/// # Errors
/// An invalid URL; a server that cannot be reached or rejects the connection.
pub fn pool(settings: &Settings) -> Result<(Pool, Connection)> {
    let url = &settings.url;
    let target = target(url, settings)?;
    // the pool would repeat a rejected attempt until its timeout
    drop(target.connect(url)?);
    let timeout = Duration::from_secs(settings.connect_timeout_s);
    let session = Session::new(settings);
    let pool = Pool::new(target.client, target.tls, settings.connections, timeout, session)
        .with_context(|| url.to_string())?;
    let connection = pool.get().map_err(|e| pool_timeout(url, &e))?;
    Ok((pool, connection))
}

/// A single connection on which connecting and every statement must finish within `timeout`.
///
/// # Errors
/// As [`pool`]; a server that does not answer within `timeout`.
pub fn with_timeout(settings: &Settings, timeout: Duration) -> Result<Client> {
    let url = &settings.url;
    let mut target = target(url, settings)?;
    target.client.connect_timeout(timeout.min(Duration::from_secs(settings.connect_timeout_s)));
    let mut client = target.connect(url)?;
    let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let mut session = Session::new(settings);
    session.statement_timeout_ms = Some(milliseconds);
    session.configure(&mut client).map_err(failed)?;
    Ok(client)
}

/// The error for a connection that the pool could not provide in time.
pub fn pool_timeout(url: &WarehouseUrl, error: &r2d2::Error) -> anyhow::Error {
    anyhow!("no connection to {url} within the time limit ({error}); is the server up?")
}

fn target(url: &WarehouseUrl, settings: &Settings) -> Result<Target> {
    let WarehouseUrl::Postgres(parsed) = url else { bail!("not a PostgreSQL URL: {url}") };
    let text = parsed.reveal_text();
    let env = |name: &str| settings.pg_env.get(name);
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let mut given = std::collections::BTreeMap::new();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if TLS_PARAMETERS.contains(&key) {
            let value = url::form_urlencoded::parse(pair.as_bytes()).next();
            given.insert(key, value.map(|(_, v)| v.into_owned()).unwrap_or_default());
        } else {
            rest.push(format!("{key}={value}"));
        }
    }
    let parsed = format!("{base}?{}", rest.join("&"));
    let mut client: PgConfig =
        parsed.trim_end_matches('?').parse().map_err(|e: postgres::Error| {
            anyhow!("warehouse.url = {url}: {}", url.scrub(&explain(&e)))
        })?;
    let mode = given.get("sslmode").cloned().or_else(|| env("PGSSLMODE"));
    let root = given.get("sslrootcert").cloned().or_else(|| env("PGSSLROOTCERT"));
    apply_environment(&mut client, &env)?;
    client.application_name(env("PGAPPNAME").as_deref().unwrap_or(APPLICATION));
    client.connect_timeout(Duration::from_secs(settings.connect_timeout_s));
    let tls = tls::configure(&mut client, mode.as_deref(), root.as_deref())?;
    Ok(Target { client, tls })
}

/// Sets what the URL lacks from the PG* variables.
fn apply_environment(client: &mut PgConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    if client.get_hosts().is_empty() {
        client.host(env("PGHOST").as_deref().unwrap_or("localhost"));
    }
    if client.get_ports().is_empty()
        && let Some(port) = env("PGPORT")
    {
        client.port(port.parse().map_err(|_| anyhow!("PGPORT = {port:?} is not a port number"))?);
    }
    if client.get_user().is_none()
        && let Some(user) = env("PGUSER").or_else(|| env("USER"))
    {
        client.user(&user);
    }
    if client.get_password().is_none()
        && let Some(password) = env("PGPASSWORD")
    {
        client.password(password);
    }
    if client.get_dbname().is_none()
        && let Some(name) = env("PGDATABASE")
    {
        client.dbname(&name);
    }
    Ok(())
}

/// Settings that every session gets when its connection is made.
#[derive(Debug, Clone)]
pub struct Session {
    statement_timeout_ms: Option<u64>,
}

impl Session {
    pub fn new(settings: &Settings) -> Self {
        Session {
            statement_timeout_ms: settings.statement_timeout_s.map(|s| s.saturating_mul(1_000)),
        }
    }

    /// Sets the timeouts, the interval at which the server looks whether this process is still
    /// connected, and a search path without tables: every statement names its schema, or sets the path
    /// until the end of its transaction.
    ///
    /// # Errors
    /// A broken connection.
    pub fn configure(&self, client: &mut Client) -> Result<(), postgres::Error> {
        // not supported on every platform
        let _ = client.batch_execute("SET client_connection_check_interval = '2s'");
        client.batch_execute(&format!("SET search_path = {QUALIFIED}"))?;
        let timeout = match self.statement_timeout_ms {
            Some(ms) => ms.to_string(),
            None => return client.batch_execute("RESET statement_timeout; RESET work_mem"),
        };
        client.query("SELECT set_config('statement_timeout', $1, false)", &[&timeout])?;
        client.batch_execute("RESET work_mem")
    }
}

impl CustomizeConnection<PooledClient, postgres::Error> for Session {
    fn on_acquire(&self, pooled: &mut PooledClient) -> Result<(), postgres::Error> {
        self.configure(&mut pooled.client)
    }
}

#[cfg(test)]
mod tests {
    use postgres::config::SslMode;

    use super::*;

    fn settings(env: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        settings.pg_env.extend(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        settings
    }

    fn client(url: &str, env: &[(&str, &str)]) -> PgConfig {
        target(&WarehouseUrl::parse(url), &settings(env)).unwrap().client
    }

    #[test]
    fn environment_supplies_what_the_url_lacks() {
        let env = [("PGHOST", "db"), ("PGPORT", "5433"), ("PGUSER", "u"), ("PGPASSWORD", "p")];
        let bare = client("postgres:///d", &env);
        assert_eq!(bare.get_hosts(), [postgres::config::Host::Tcp("db".to_owned())]);
        assert_eq!((bare.get_ports(), bare.get_user()), (&[5433][..], Some("u")));
        assert_eq!((bare.get_password(), bare.get_dbname()), (Some(&b"p"[..]), Some("d")));
        let full = client("postgres://me:x@host:1/e?sslmode=verify-ca", &env);
        assert_eq!((full.get_ports(), full.get_user()), (&[1][..], Some("me")));
        assert_eq!(full.get_ssl_mode(), SslMode::Require);
        assert_eq!(full.get_application_name(), Some("mobility"));
    }

    #[test]
    fn error_for_an_invalid_url_hides_the_password() {
        for url in ["postgres://me:s3cret@host:port/db", "postgres://me:s3cret@h/d?nonsense=1"] {
            let error = target(&WarehouseUrl::parse(url), &settings(&[])).err().unwrap();
            assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
        }
    }
}
