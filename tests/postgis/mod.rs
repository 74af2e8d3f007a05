//! PostGIS for the tests: a temporary cluster, never an existing server.
//!
//! All tests share one cluster and have a schema each. Tests that kill or restart a server start
//! their own. If the server cannot be started, the tests fail; none is skipped.

mod cancelled_queries;
mod concurrent_readers;
mod connections;
mod interrupted_loads;
mod loading;
mod local_files;
mod passwords;
mod period_results;
mod pooler;
mod rights;
mod run_records;
mod schemas;
mod serve_role;
mod session_settings;
mod table_ownership;
mod upgrades;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use postgres::{Client, NoTls};

use crate::harness::Workspace;

/// A running cluster.
pub struct Cluster {
    pub url: String,
    folder: PathBuf,
}

impl Cluster {
    /// The cluster that all tests share.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Cluster::start("shared"))
    }

    /// A cluster for one test alone, which may kill it.
    pub fn start(name: &str) -> Cluster {
        let folder =
            std::env::temp_dir().join(format!("mobility-postgis-{name}-{}", std::process::id()));
        let url = script(&["start", &folder.to_string_lossy(), "--owner", &owner(), "--throwaway"]);
        Cluster { url, folder }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.url, NoTls).unwrap()
    }

    /// Kills the server as a power failure would.
    pub fn kill(&self) {
        script(&["kill", &self.folder.to_string_lossy()]);
    }

    /// Starts the server again after it was killed or stopped.
    pub fn restart(&self) {
        let port = self.url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
        let folder = self.folder.to_string_lossy();
        script(&["start", &folder, "--port", port, "--throwaway"]);
    }

    pub fn stop(&self) {
        script(&["stop", &self.folder.to_string_lossy()]);
    }

    /// The URL of a pgbouncer before the server, in a pool mode.
    pub fn pooler(&self, mode: &str) -> String {
        script(&["pooler", &self.folder.to_string_lossy(), mode])
    }

    /// The certificate of the server.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The URL with a part replaced.
    pub fn url_with(&self, old: &str, new: &str) -> String {
        assert!(self.url.contains(old), "{old:?} is not in the URL");
        self.url.replacen(old, new, 1)
    }

    pub fn password(&self) -> &str {
        self.url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1
    }
}

fn owner() -> String {
    std::process::id().to_string()
}

fn script(args: &[&str]) -> String {
    crate::harness::script("tests/postgis/cluster.sh", args)
}

/// A schema name that no other test has.
pub fn new_schema() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A workspace with the mini inputs and a new schema of the shared cluster as warehouse.
pub fn mini() -> (Workspace, String) {
    let schema = new_schema();
    let work = Workspace::mini();
    work.postgis(&Cluster::shared().url, &schema, "");
    (work, schema)
}

/// A client with the schema in its search path.
pub fn client(schema: &str) -> Client {
    let mut client = Cluster::shared().client();
    client.batch_execute(&format!("SET search_path TO {schema}, public")).unwrap();
    client
}

/// Rows of a query with one text column.
pub fn lines(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap().iter().map(|r| r.get::<_, String>(0)).collect()
}

/// The answer of an embedded warehouse loaded from the same processed files.
pub fn embedded_answer(work: &Workspace, view: &str, folder: &Path) -> String {
    let url = format!("embedded:{}", folder.display());
    work.ok(&["load", "--warehouse", &url]);
    work.ok(&["query", view, "--format", "csv", "--warehouse", &url])
}
