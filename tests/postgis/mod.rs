//! PostGIS for the tests: a throwaway cluster of their own, never a server that is there already.
//!
//! One cluster serves all tests, each in a schema of its own; tests that kill or restart a server
//! start another. Without a server the tests fail: nothing is skipped.

mod concurrent_readers;
mod connections;
mod interrupted_loads;
mod loading;
mod run_records;
mod table_ownership;

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
    /// The one that all tests share.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Cluster::start("shared"))
    }

    /// One of this test's own, that it may kill.
    pub fn start(name: &str) -> Cluster {
        let folder =
            std::env::temp_dir().join(format!("mobility-postgis-{name}-{}", std::process::id()));
        let url = script(&["start", &folder.to_string_lossy(), "--owner", &owner(), "--throwaway"]);
        Cluster { url, folder }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.url, NoTls).unwrap()
    }

    /// As in a power cut.
    pub fn kill(&self) {
        script(&["kill", &self.folder.to_string_lossy()]);
    }

    /// Starts it again after it was killed or stopped.
    pub fn restart(&self) {
        let port = self.url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
        let folder = self.folder.to_string_lossy();
        script(&["start", &folder, "--port", port, "--throwaway"]);
    }

    pub fn stop(&self) {
        script(&["stop", &self.folder.to_string_lossy()]);
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The URL with another part.
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

/// The mini inputs, and a config that names a schema of the shared cluster.
pub fn mini() -> (Workspace, String) {
    let schema = new_schema();
    let work = Workspace::mini();
    work.postgis(&Cluster::shared().url, &schema, "");
    (work, schema)
}

/// A client that looks names up in the schema.
pub fn client(schema: &str) -> Client {
    let mut client = Cluster::shared().client();
    client.batch_execute(&format!("SET search_path TO {schema}, public")).unwrap();
    client
}

/// Rows of a query that gives one text column, as lines.
pub fn lines(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap().iter().map(|r| r.get::<_, String>(0)).collect()
}

/// Answers of the embedded warehouse for the same processed files.
pub fn embedded_answer(work: &Workspace, view: &str, folder: &Path) -> String {
    let url = format!("embedded:{}", folder.display());
    work.ok(&["load", "--warehouse", &url]);
    work.ok(&["query", view, "--format", "csv", "--warehouse", &url])
}
