//! A server that has been checked for its version, PostGIS and the schema; its connections and the
//! lock that loads hold.

use std::sync::Arc;

use anyhow::{Result, bail};
use postgres::Client;

use super::connect::{Connection, Pool, Session, pool, pool_timeout};
use super::server_errors::{explain, failed};
use crate::config::{Warehouse as Settings, WarehouseUrl};
use crate::domain::tables::quoted;

/// The first version that can detach partitions without blocking readers.
const MIN_SERVER_VERSION: i32 = 140_000;
const MIN_POSTGIS_VERSION: u32 = 3;
/// First half of the key of the advisory lock; the second half is a hash of the schema name.
const LOCK_KEY: i32 = 0x6d6f_6269;

/// The server of a URL, with the connection pool.
#[derive(Clone)]
pub struct Server {
    pool: Pool,
    url: WarehouseUrl,
    session: Arc<Session>,
    pub schema: String,
}

impl Server {
    /// Connects and checks whether the server can hold a warehouse. Creates the PostGIS extension and
    /// the schema if the role has the privileges.
    ///
    /// # Errors
    /// All unmet requirements in one message: what was found, what is needed, who can correct it.
    pub fn open(settings: &Settings) -> Result<Self> {
        let url = &settings.url;
        let (pool, mut connection) = pool(settings)?;
        let schema = settings.schema.clone();
        let problems = check(&mut connection, &schema)?;
        if !problems.is_empty() {
            bail!("{url} cannot be used as a warehouse: {}", problems.join("; "));
        }
        let session = Session::new(settings);
        // the check may have created PostGIS, whose schema belongs to the search path
        session.configure(&mut connection).map_err(failed)?;
        drop(connection);
        Ok(Server { pool, url: url.clone(), session: Arc::new(session), schema })
    }

    pub fn url(&self) -> &WarehouseUrl {
        &self.url
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
    /// A server that cannot be reached within the time limit.
    pub fn connection(&self) -> Result<Connection> {
        self.pool.get().map_err(|e| pool_timeout(&self.url, &e))
    }

    /// A connection without a statement timeout.
    ///
    /// # Errors
    /// A server that cannot be reached within the time limit.
    pub fn worker(&self) -> Result<Worker> {
        let mut connection = self.connection()?;
        connection
            .batch_execute("SET statement_timeout = 0; SET work_mem = '256MB'")
            .map_err(failed)?;
        // lets the server cancel the statements of a killed client early; not supported on every
        // platform
        let _ = connection.batch_execute("SET client_connection_check_interval = '2s'");
        Ok(Worker { connection, session: Arc::clone(&self.session), locked: false })
    }

    /// A worker that holds the lock of loads.
    ///
    /// # Errors
    /// A running load: its process, role, address and start.
    pub fn exclusive_worker(&self) -> Result<Worker> {
        let mut worker = self.worker()?;
        let key = "hashtext(current_schema()::text)";
        let acquired = worker
            .client()
            .query_one(&format!("SELECT pg_try_advisory_lock($1, {key})"), &[&LOCK_KEY])
            .map_err(failed)?;
        if acquired.get::<_, bool>(0) {
            worker.locked = true;
            return Ok(worker);
        }
        let holder = worker
            .client()
            .query_opt(
                &format!(
                    "SELECT concat_ws(', ', 'process ' || a.pid, 'role ' || a.usename, \
                       a.application_name, 'from ' || host(a.client_addr), \
                       'since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')) \
                     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                     WHERE l.locktype = 'advisory' AND l.granted \
                       AND l.classid = $1::integer::oid AND l.objid = {key}::oid"
                ),
                &[&LOCK_KEY],
            )
            .map_err(failed)?;
        let holder = holder.map_or_else(|| "another process".to_owned(), |r| r.get(0));
        bail!(
            "another load into {} is running ({holder}); try again when it has finished",
            self.url
        )
    }
}

/// A connection without a statement timeout, until it returns to the pool.
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
        let _ = self.session.configure(&mut self.connection);
    }
}

/// The unmet requirements, after creating the schema and PostGIS if the role may.
fn check(client: &mut Client, schema: &str) -> Result<Vec<String>> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
               current_setting('server_encoding'), current_user::text, current_database()::text, \
               (SELECT extversion FROM pg_extension WHERE extname = 'postgis'), \
               (SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'), \
               EXISTS (SELECT FROM pg_namespace WHERE nspname = $1), \
               has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery()",
            &[&schema],
        )
        .map_err(failed)?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    let (encoding, role, database): (String, String, String) = (row.get(2), row.get(3), row.get(4));
    let (extension, available): (Option<String>, Option<String>) = (row.get(5), row.get(6));
    let (has_schema, may_create, standby): (bool, bool, bool) =
        (row.get(7), row.get(8), row.get(9));
    let mut problems = Vec::new();
    if number < MIN_SERVER_VERSION {
        problems.push(format!("the server is PostgreSQL {version}, but 14 or newer is required"));
    }
    if encoding != "UTF8" {
        problems.push(format!(
            "database {database} has the encoding {encoding}, but UTF8 is required; create one with ENCODING 'UTF8'"
        ));
    }
    if !has_schema {
        let statement = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema));
        if !may_create || standby {
            problems.push(format!(
                "database {database} has no schema {schema} and role {role} may not create it; \
                 let its owner run: CREATE SCHEMA {} AUTHORIZATION {}",
                quoted(schema),
                quoted(&role)
            ));
        } else if let Err(error) = client.batch_execute(&statement) {
            problems.push(format!("schema {schema} could not be created ({})", explain(&error)));
        }
    }
    let statement = "CREATE EXTENSION postgis";
    match (extension, available) {
        (Some(found), _) if major(&found).is_some_and(|m| m < MIN_POSTGIS_VERSION) => problems.push(format!(
            "database {database} has PostGIS {found}, but {MIN_POSTGIS_VERSION} or newer is required; \
             let a superuser run: SELECT postgis_extensions_upgrade()"
        )),
        (Some(_), _) => {}
        (None, None) => problems.push(
            "the server has no PostGIS; install it there (on Debian the package postgresql-postgis)"
                .to_owned(),
        ),
        (None, Some(_)) => {
            if let Err(error) = client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public") {
                problems.push(format!(
                    "database {database} lacks the extension postgis and role {role} could not create it \
                     ({}); let a superuser run there: {statement}",
                    explain(&error)
                ));
            }
        }
    }
    Ok(problems)
}

fn worker_count(connections: u32, tasks: usize) -> usize {
    let spare = usize::try_from(connections.saturating_sub(1)).unwrap_or(usize::MAX);
    tasks.min(spare)
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
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
