//! A server that has been checked for its version, PostGIS and the schema; its connections and the
//! lock that loads hold.

use std::sync::Arc;

use anyhow::{Result, bail};
use postgres::Client;

use super::connect::{Opened, pool, pool_timeout};
use super::names::SchemaName;
use super::pooled_connection::{Connection, Pool};
use super::requirements;
use super::server_errors::failed;
use super::session::Session;
use crate::config::{Warehouse as Settings, WarehouseUrl};
use crate::runtime::cancellation;

/// First half of the key of the advisory lock; the second half is a hash of the schema name.
const LOCK_KEY: i32 = 0x6d6f_6269;

/// The server of a URL, with the connection pool.
#[derive(Clone)]
pub struct Server {
    pool: Pool,
    url: WarehouseUrl,
    session: Arc<Session>,
    warnings: Vec<String>,
    pub schema: SchemaName,
}

impl Server {
    /// Connects and checks whether the server can hold a warehouse. Changes nothing.
    ///
    /// # Errors
    /// All unmet requirements in one message: what was found, what is needed, who can correct it.
    pub fn open(settings: &Settings) -> Result<Self> {
        let url = &settings.url;
        let Opened { pool, mut connection, warnings } = pool(settings)?;
        let schema = SchemaName::new(&settings.schema);
        let problems = requirements::find(&mut *connection, &schema)?.problems;
        drop(connection);
        let session = Arc::new(Session::new(settings));
        let server = Server { pool, url: url.clone(), session, warnings, schema };
        server.refuse(&problems)?;
        Ok(server)
    }

    fn refuse(&self, problems: &[String]) -> Result<()> {
        if !problems.is_empty() {
            bail!("{} cannot be used as a warehouse: {}", self.url, problems.join("; "));
        }
        Ok(())
    }

    /// What the first load creates before the tables.
    ///
    /// # Errors
    /// What the role may not create, with the statements for others to run.
    pub fn missing(&self) -> Result<Vec<String>> {
        let found = requirements::find(&mut *self.connection()?, &self.schema)?;
        let (forbidden, missing): (Vec<_>, Vec<_>) =
            found.missing.into_iter().partition(|missing| missing.forbidden.is_some());
        let forbidden: Vec<String> = forbidden.into_iter().filter_map(|m| m.forbidden).collect();
        self.refuse(&forbidden)?;
        Ok(missing.into_iter().map(|missing| missing.what).collect())
    }

    /// Creates the extension PostGIS and the schema if they are missing.
    ///
    /// # Errors
    /// What the role may not create, with the statements for others to run.
    pub fn prepare(&self) -> Result<()> {
        let mut worker = self.worker()?;
        let found = requirements::find(worker.client(), &self.schema)?;
        let mut problems = Vec::new();
        for missing in found.missing {
            problems.extend(missing.create(worker.client()));
        }
        self.refuse(&problems)
    }

    pub fn url(&self) -> &WarehouseUrl {
        &self.url
    }

    /// What was noticed while connecting.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Number of workers for `tasks`, besides the caller's: a worker without a connection would wait
    /// until the timeout of the pool.
    pub fn worker_count(&self, tasks: usize) -> usize {
        worker_count(self.pool.max_size(), tasks)
    }

    /// Number of open connections, and of the idle ones among them.
    pub fn connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }

    /// A connection for a query.
    ///
    /// # Errors
    /// A server that cannot be reached within the time limit; cancelled work.
    pub fn connection(&self) -> Result<Connection> {
        let connection = self.pool.get().map_err(|e| pool_timeout(&self.url, &e))?;
        cancellation::check()?;
        Ok(connection)
    }

    /// A connection that may change data, without a statement timeout.
    ///
    /// # Errors
    /// A server that cannot be reached within the time limit.
    pub fn worker(&self) -> Result<Worker> {
        let mut connection = self.connection()?;
        Session::for_work(&mut connection).map_err(failed)?;
        Ok(Worker { connection, session: Arc::clone(&self.session), locked: false })
    }

    /// A worker that holds the lock of loads.
    ///
    /// # Errors
    /// A running load: its process, role, address and start. A standby server.
    pub fn exclusive_worker(&self) -> Result<Worker> {
        let mut worker = self.worker()?;
        let schema = self.schema.name();
        let standby =
            worker.client().query_one("SELECT pg_is_in_recovery()", &[]).map_err(failed)?;
        if standby.get(0) {
            bail!(
                "{} is a standby server, which can only be read; load into its primary server",
                self.url
            );
        }
        let acquired = worker
            .client()
            .query_one("SELECT pg_try_advisory_lock($1, hashtext($2))", &[&LOCK_KEY, &schema])
            .map_err(failed)?;
        if acquired.get::<_, bool>(0) {
            worker.locked = true;
            return Ok(worker);
        }
        let holder = worker
            .client()
            .query_opt(
                "SELECT concat_ws(', ', 'process ' || a.pid, 'role ' || a.usename, \
                   a.application_name, 'from ' || host(a.client_addr), \
                   'since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')) \
                 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                 JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() \
                 WHERE l.locktype = 'advisory' AND l.granted \
                   AND l.classid = $1::integer::oid AND l.objid = hashtext($2)::oid",
                &[&LOCK_KEY, &schema],
            )
            .map_err(failed)?;
        let holder = holder.map_or_else(|| "another process".to_owned(), |r| r.get(0));
        bail!(
            "another load into {} is running ({holder}); try again when it has finished",
            self.url
        )
    }
}

/// A connection that may change data, without a statement timeout, until it returns to the pool.
pub struct Worker {
    connection: Connection,
    session: Arc<Session>,
    locked: bool,
}

impl Worker {
    pub fn client(&mut self) -> &mut Client {
        &mut self.connection
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // a broken connection has released the lock, and the pool discards it
        if self.locked {
            let _ = self.connection.batch_execute("SELECT pg_advisory_unlock_all()");
        }
        let _ = self.session.for_queries(&mut self.connection);
    }
}

fn worker_count(connections: u32, tasks: usize) -> usize {
    let spare = usize::try_from(connections.saturating_sub(1)).unwrap_or(usize::MAX);
    tasks.min(spare)
}

#[cfg(test)]
mod tests {
    use super::worker_count;

    #[test]
    fn one_connection_is_reserved_for_the_caller() {
        assert_eq!(
            [worker_count(2, 9), worker_count(8, 9), worker_count(8, 3), worker_count(8, 0)],
            [1, 7, 3, 0]
        );
    }
}
