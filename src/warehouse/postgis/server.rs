//! A server that was looked at: its version, PostGIS, the schema, and the lock of loads.

use std::sync::Arc;

use anyhow::{Result, bail};
use postgres::Client;

use super::connect::{Connection, Pool, Session, lost, pool};
use super::server_errors::{explain, failed};
use crate::config::{Warehouse as Settings, WarehouseUrl};
use crate::domain::tables::quoted;

/// Partitions can be taken off without stopping readers from this version on.
const SERVER: i32 = 140_000;
const POSTGIS: u32 = 3;
/// First half of the advisory lock's key; the second is the schema's own number.
const LOCK: i32 = 0x6d6f_6269;

/// The server behind a URL, with the one pool that everything shares.
#[derive(Clone)]
pub struct Server {
    pool: Pool,
    url: WarehouseUrl,
    session: Arc<Session>,
    pub schema: String,
}

impl Server {
    /// Connects and looks whether the server can hold a warehouse. The PostGIS extension and the
    /// schema are created where the role may.
    ///
    /// # Errors
    /// All that is missing, in one message: what was found, what is needed, who can mend it.
    pub fn open(url: &WarehouseUrl, settings: &Settings) -> Result<Self> {
        let (pool, mut connection) = pool(url, settings)?;
        let schema = settings.schema.clone();
        let faults = look(&mut connection, &schema)?;
        if !faults.is_empty() {
            bail!("{url} cannot be the warehouse: {}", faults.join("; "));
        }
        let session = Session::new(settings);
        // PostGIS may have come just now, and with it a schema to look names up in
        session.settle(&mut connection).map_err(failed)?;
        drop(connection);
        Ok(Server { pool, url: url.clone(), session: Arc::new(session), schema })
    }

    pub fn url(&self) -> &WarehouseUrl {
        &self.url
    }

    /// How many workers may share `tasks` beside the one that leads: a worker that found no
    /// connection would wait for one until its time is up.
    pub fn worker_count(&self, tasks: usize) -> usize {
        worker_count(self.pool.max_size(), tasks)
    }

    /// Open connections, and those among them that wait for work.
    pub fn connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }

    /// A connection for a query.
    ///
    /// # Errors
    /// A server that cannot be reached within the time for it.
    pub fn connection(&self) -> Result<Connection> {
        self.pool.get().map_err(|e| lost(&self.url, &e))
    }

    /// A connection for work that may take long.
    ///
    /// # Errors
    /// A server that cannot be reached within the time for it.
    pub fn worker(&self) -> Result<Worker> {
        let mut connection = self.connection()?;
        connection
            .batch_execute("SET statement_timeout = 0; SET work_mem = '256MB'")
            .map_err(failed)?;
        // a server that can look whether its client still lives ends the work of one that was killed;
        // one that cannot ends it a little later
        let _ = connection.batch_execute("SET client_connection_check_interval = '2s'");
        Ok(Worker { connection, session: Arc::clone(&self.session), locked: false })
    }

    /// A worker that holds the lock of loads.
    ///
    /// # Errors
    /// Another load under way: who runs it, from where, since when.
    pub fn exclusive_worker(&self) -> Result<Worker> {
        let mut worker = self.worker()?;
        let key = "hashtext(current_schema()::text)";
        let got = worker
            .client()
            .query_one(&format!("SELECT pg_try_advisory_lock($1, {key})"), &[&LOCK])
            .map_err(failed)?;
        if got.get::<_, bool>(0) {
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
                &[&LOCK],
            )
            .map_err(failed)?;
        let who = holder.map_or_else(|| "another process".to_owned(), |r| r.get(0));
        bail!("another load into {} is under way ({who}); try again when it is done", self.url)
    }
}

/// A connection whose statements may take as long as they need, until it goes back to the pool.
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
        // a connection that broke took the lock with it, and the pool throws it away
        if self.locked {
            let _ = self.connection.batch_execute("SELECT pg_advisory_unlock_all()");
        }
        let _ = self.session.settle(&mut self.connection);
    }
}

/// What keeps the server from being a warehouse; what the role may mend is mended.
fn look(client: &mut Client, schema: &str) -> Result<Vec<String>> {
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
    let mut faults = Vec::new();
    if number < SERVER {
        faults.push(format!("the server is PostgreSQL {version}, 14 or newer is needed"));
    }
    if encoding != "UTF8" {
        faults.push(format!(
            "database {database} is in {encoding}, UTF8 is needed; create one with ENCODING 'UTF8'"
        ));
    }
    if !has_schema {
        let statement = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema));
        if !may_create || standby {
            faults.push(format!(
                "database {database} has no schema {schema} and role {role} may not create it; \
                 let its owner run: CREATE SCHEMA {} AUTHORIZATION {}",
                quoted(schema),
                quoted(&role)
            ));
        } else if let Err(error) = client.batch_execute(&statement) {
            faults.push(format!("schema {schema} could not be created ({})", explain(&error)));
        }
    }
    let statement = "CREATE EXTENSION postgis";
    match (extension, available) {
        (Some(found), _) if major(&found).is_some_and(|m| m < POSTGIS) => faults.push(format!(
            "database {database} has PostGIS {found}, {POSTGIS} or newer is needed; \
             let a superuser run: SELECT postgis_extensions_upgrade()"
        )),
        (Some(_), _) => {}
        (None, None) => faults.push(
            "the server has no PostGIS; install it there (on Debian the package postgresql-postgis)"
                .to_owned(),
        ),
        (None, Some(_)) => {
            if let Err(error) = client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public") {
                faults.push(format!(
                    "database {database} lacks the extension postgis and role {role} could not create it \
                     ({}); let a superuser run there: {statement}",
                    explain(&error)
                ));
            }
        }
    }
    Ok(faults)
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
    fn workers_leave_a_connection_to_the_one_that_leads() {
        assert_eq!(
            [worker_count(2, 9), worker_count(8, 9), worker_count(8, 3), worker_count(8, 0)],
            [1, 7, 3, 0]
        );
    }
}
