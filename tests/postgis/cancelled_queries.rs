//! Queries of the server whose client has gone or whose time is up: PostgreSQL no longer runs them.

use super::{Cluster, new_schema};
use crate::harness::{Workspace, wait_until};
use crate::serve::Server;

/// A server with a view that sleeps for `seconds`, by which its statement is recognized.
fn served(url: &str, seconds: u32, config: &str) -> (Workspace, Server) {
    let work = Workspace::mini();
    work.postgis(url, &new_schema(), "");
    work.write("views/units.sql", "SELECT lau_id FROM lau\n");
    let sql = format!("SELECT lau_id, pg_sleep({seconds})::text AS slept FROM lau\n");
    work.write("views/asleep.sql", sql);
    work.config(&format!("[serve]\n{config}\n"));
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let server = Server::start(&work);
    (work, server)
}

/// The number of sessions that run the view.
fn running(seconds: u32) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' \
               AND pid <> pg_backend_pid() AND query LIKE $1";
    let pattern = format!("%pg_sleep({seconds})%");
    Cluster::shared().client().query_one(sql, &[&pattern]).unwrap().get(0)
}

fn assert_free(server: &Server, seconds: u32) {
    wait_until("PostgreSQL has ended the statement", || running(seconds) == 0);
    wait_until("no query is running", || server.metric("mobility_queries_running") == 0);
    let busy = "mobility_pool_connections{state=\"busy\"}";
    wait_until("all connections are free", || server.metric(busy) == 0);
    assert_eq!(server.get("/units").status, 200);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_when_the_client_disconnects() {
    let cluster = Cluster::shared();
    for (seconds, mode) in [(3_601, "disable"), (3_602, "require")] {
        let url = format!("{}?sslmode={mode}", cluster.url);
        let (_work, server) = served(&url, seconds, "max_queries = 1\ntimeout_s = 600");
        let client = server.send("/asleep?format=csv");
        wait_until("the statement runs", || running(seconds) == 1);
        drop(client);
        assert_free(&server, seconds);
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_when_its_time_is_up() {
    let seconds = 3_603;
    let url = &Cluster::shared().url;
    let (_work, server) = served(url, seconds, "max_queries = 1\ntimeout_s = 2");
    let got = server.get("/asleep?format=csv");
    assert_eq!(got.status, 504, "{}", got.text());
    assert_free(&server, seconds);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_with_the_server() {
    for (seconds, signal) in [(3_604, "TERM"), (3_605, "KILL")] {
        let url = &Cluster::shared().url;
        let (_work, mut server) = served(url, seconds, "max_queries = 1\ntimeout_s = 600");
        let client = server.send("/asleep?format=csv");
        wait_until("the statement runs", || running(seconds) == 1);
        server.signal(signal);
        server.wait();
        wait_until("PostgreSQL has ended the statement", || running(seconds) == 0);
        drop(client);
    }
}
