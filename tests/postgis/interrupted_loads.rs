//! Servers and programs that are killed during a load.

use std::process::{Child, Stdio};

use mobility::config::{Config, Sources};
use mobility::views::Registry;
use mobility::warehouse::{self, Relation, Select};

use super::{Cluster, client, embedded_answer, lines, mini};
use crate::harness::{ProgramOutput, Workspace, wait_until};

const VIEW: &str = "view_users_per_lau_day_night";

/// A workspace with the mini data loaded and larger data ready to load.
fn ready(cluster: &Cluster, schema: &str) -> (Workspace, String) {
    let work = Workspace::mini();
    work.postgis(&cluster.url, schema, "");
    work.ok(&["run-all"]);
    let before = work.ok(&["query", VIEW, "--format", "csv"]);
    work.replace_inputs_with_synthetic(100000, 9);
    work.ok(&["compress"]);
    work.ok(&["geojoin"]);
    (work, before)
}

fn start_load(work: &Workspace) -> Child {
    work.command(&["load"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Keeps loads of a schema from finishing until the returned client is dropped: it locks the table of
/// active partitions.
fn hold(mut client: postgres::Client, schema: &str) -> postgres::Client {
    let sql = format!("BEGIN; LOCK TABLE {schema}.mobility_leaf IN SHARE MODE");
    client.batch_execute(&sql).unwrap();
    client
}

/// Waits until `sql` returns a row.
fn until(client: &mut postgres::Client, sql: &str) {
    wait_until(sql, || !client.query(sql, &[]).unwrap().is_empty());
}

/// Returns a row while a load copies rows into the schema.
fn copying(schema: &str) -> String {
    format!(
        "SELECT FROM pg_stat_progress_copy WHERE tuples_processed > 0 AND relid IN \
         (SELECT oid FROM pg_class WHERE relnamespace = '{schema}'::regnamespace \
          AND relname LIKE 'mobility_presence%')"
    )
}

/// Returns a row while a load has copied its rows and waits to activate them.
fn waiting(schema: &str) -> String {
    format!(
        "SELECT FROM pg_locks WHERE NOT granted AND relation = '{schema}.mobility_leaf'::regclass"
    )
}

/// Queries for an early and a late moment of a load.
fn moments(schema: &str) -> [String; 2] {
    [format!("{} UNION ALL {}", copying(schema), waiting(schema)), waiting(schema)]
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn server_killed_during_a_load_keeps_the_old_rows() {
    let cluster = Cluster::start("killed");
    let (work, before) = ready(&cluster, "s");
    for state in moments("s") {
        let holder = hold(cluster.client(), "s");
        let child = start_load(&work);
        until(&mut cluster.client(), &state);
        cluster.kill();
        drop(holder);
        let ran = ProgramOutput::of(child.wait_with_output().unwrap());
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("connect"), "{}", ran.stderr);
        cluster.restart();
        assert_eq!(work.ok(&["query", VIEW, "--format", "csv"]), before);
    }
    work.ok(&["load"]);
    let after = work.ok(&["query", VIEW, "--format", "csv"]);
    assert_ne!(after, before);
    assert_eq!(after, embedded_answer(&work, VIEW, &work.path("embedded")));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn killed_load_keeps_the_old_rows_and_the_next_load_completes() {
    let (_, schema) = mini();
    let (work, before) = ready(Cluster::shared(), &schema);
    let mut admin = client(&schema);
    for state in moments(&schema) {
        let holder = hold(client(&schema), &schema);
        let mut child = start_load(&work);
        until(&mut admin, &state);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(holder);
        assert_eq!(work.ok(&["query", VIEW, "--format", "csv"]), before);
        // the server notices that its client is gone and releases the lock
        until(
            &mut admin,
            &format!(
                "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' \
                 AND objid = hashtext('{schema}')::oid)"
            ),
        );
    }
    work.ok(&["load"]);
    for view in [VIEW, "user_cell_dates", "users_per_month"] {
        assert_eq!(
            work.ok(&["query", view, "--format", "csv"]),
            embedded_answer(&work, view, &work.path("embedded"))
        );
    }
    // the next load removes what the killed loads left
    work.ok(&["load", "--force"]);
    let stray = format!(
        "SELECT relname::text FROM pg_class c WHERE relnamespace = '{schema}'::regnamespace \
         AND relname ~ '^mobility_presence_[0-9]+$' AND NOT EXISTS (SELECT FROM mobility_leaf f \
           WHERE f.leaf_no::text = substring(c.relname FROM '[0-9]+$'))"
    );
    assert_eq!(lines(&mut admin, &stray), Vec::<String>::new());
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn second_of_two_concurrent_loads_is_told_who_holds_the_lock() {
    let (_, schema) = mini();
    let (work, _) = ready(Cluster::shared(), &schema);
    let holder = hold(client(&schema), &schema);
    let child = start_load(&work);
    until(&mut client(&schema), &waiting(&schema));
    work.fails(&["load", "--force"], 1, &["another load", "process", "role postgres", "mobility"]);
    drop(holder);
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn connection_pool_recovers_after_a_restart_of_the_server() {
    let cluster = Cluster::start("restarted");
    let work = Workspace::mini();
    work.postgis(&cluster.url, "s", "");
    work.ok(&["run-all"]);
    let sources =
        Sources { file: Some(&work.path("pipeline.toml")), env: &|_| None, flags: Vec::new() };
    let config: Config = mobility::config::load(&sources).unwrap();
    let registry = std::sync::Arc::new(Registry::read((&config).into()).unwrap());
    let warehouse = warehouse::open(&config, std::sync::Arc::clone(&registry)).unwrap();
    let count = || {
        let view = registry.find(VIEW).unwrap();
        let rows = warehouse.select(&Select::all(Relation::View(view)))?;
        Ok::<usize, anyhow::Error>(rows.map(|b| b.unwrap().num_rows()).sum())
    };
    assert_eq!(count().unwrap(), 8);
    cluster.stop();
    let error = format!("{:#}", count().unwrap_err());
    assert!(error.contains("is the server up?"), "{error}");
    assert!(!error.contains(cluster.password()), "{error}");
    cluster.restart();
    assert_eq!(count().unwrap(), 8);
}
