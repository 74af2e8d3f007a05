//! Settings of sessions. Server, database and role can give each setting another default
//! (`ALTER ROLE ... SET`), so every session sets explicitly what loads, queries and the bytes of their
//! results depend on.
//!
//! The role itself is not among them: with `ALTER ROLE ... SET role`, everything belongs to that role.

use std::time::Duration;

use postgres::Client;
use r2d2::CustomizeConnection;

use super::pooled_connection::PooledClient;
use super::search_path::QUALIFIED;
use crate::config::Warehouse as Settings;

/// Settings that every supported server knows, with their values. Without limits on time: a load holds locks and open
/// transactions while files are read, and so does a query while its rows are written.
const SETTINGS: &[(&str, &str)] = &[
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("client_encoding", "UTF8"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("quote_all_identifiers", "off"),
    ("row_security", "on"),
    ("exit_on_error", "off"),
    ("gin_fuzzy_search_limit", "0"),
    ("xmloption", "content"),
    ("lc_numeric", "C"),
    ("lc_monetary", "C"),
    ("lc_time", "C"),
];

/// Sets those that only some versions of the server know.
const OF_SOME_VERSIONS: &str = "\
SELECT pg_catalog.set_config(s.name, s.value, false)
FROM (VALUES ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
  ('restrict_nonsystem_relation_kind', '')) AS s (name, value)
WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL";

/// How often the server looks whether this process is still connected, so that the query of a killed
/// process ends. Not supported on every platform.
const CHECK_CONNECTION: &str = "SET client_connection_check_interval = '2s'";

/// The settings of all sessions of a pool.
#[derive(Debug, Clone)]
pub struct Session {
    /// 0 means no limit.
    statement_timeout_ms: u64,
}

impl Session {
    /// The limit on queries is that of `warehouse.statement_timeout_s`, and no other.
    pub fn new(settings: &Settings) -> Self {
        let seconds = settings.statement_timeout_s.unwrap_or(0);
        Session { statement_timeout_ms: seconds.saturating_mul(1_000) }
    }

    /// A session whose statements end after `timeout`.
    pub fn with_timeout(timeout: Duration) -> Self {
        Session { statement_timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Sets everything: a search path without tables, since every statement names its schema or sets the
    /// path until the end of its transaction, [`SETTINGS`], and what distinguishes queries from loads.
    ///
    /// # Errors
    /// A broken connection.
    pub fn configure(&self, client: &mut Client) -> Result<(), postgres::Error> {
        // the timeout first, since that of the role may be too short for the rest, and then the search
        // path, so that no other schema can supply a function
        let mut sql = format!("SET statement_timeout = 0; SET search_path = {QUALIFIED}");
        for (name, value) in SETTINGS {
            sql.push_str(&format!("; SET {name} = '{value}'"));
        }
        client.batch_execute(&format!("{sql}; {OF_SOME_VERSIONS}; {}", self.of_queries()))?;
        let _ = client.batch_execute(CHECK_CONNECTION);
        Ok(())
    }

    /// For queries, which change nothing and are limited in time.
    ///
    /// # Errors
    /// A broken connection.
    pub fn for_queries(&self, client: &mut Client) -> Result<(), postgres::Error> {
        client.batch_execute(&self.of_queries())
    }

    fn of_queries(&self) -> String {
        format!(
            "SET statement_timeout = {}; SET default_transaction_read_only = on; \
             RESET work_mem; RESET maintenance_work_mem; RESET jit; RESET synchronous_commit",
            self.statement_timeout_ms.min(i32::MAX as u64)
        )
    }

    /// For loads, which change data and take the time that they need.
    ///
    /// # Errors
    /// A broken connection.
    pub fn for_work(client: &mut Client) -> Result<(), postgres::Error> {
        client.batch_execute(
            // views read few columns, for which the server would compile code at length; the rows of an index are
            // mostly in order, so that more memory to sort them would only be touched, and 64 MB are what the
            // server wants for a second process
            "SET statement_timeout = 0; SET default_transaction_read_only = off; \
             SET work_mem = '256MB'; SET maintenance_work_mem = '64MB'; SET jit = off",
        )
    }

    /// For single statements that change data.
    ///
    /// # Errors
    /// A broken connection.
    pub fn allow_changes(client: &mut Client) -> Result<(), postgres::Error> {
        client.batch_execute("SET default_transaction_read_only = off")
    }
}

impl CustomizeConnection<PooledClient, postgres::Error> for Session {
    fn on_acquire(&self, pooled: &mut PooledClient) -> Result<(), postgres::Error> {
        match pooled.is_configured {
            true => Ok(()),
            false => self.configure(&mut pooled.client),
        }
    }
}
