//! Queries of the server whose client has gone or whose time is up: PostgreSQL no longer runs them.

use super::{Cluster, new_schema};
use crate::harness::{Workspace, wait_until};
use crate::serve::Server;
use crate::serve::cancelled_queries::endless;

/// A server with an endless view, and with that application name for its sessions.
fn served(url: &str, name: &str, config: &str) -> (Workspace, Server) {
    let work = Workspace::mini();
    work.postgis(url, &new_schema(), "");
    work.write("views/units.sql", "SELECT lau_id FROM lau\n");
    work.write("views/endless.sql", endless());
    work.config(&format!("[serve]\n{config}\n"));
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let mut command = work.command(&["serve", "--bind", "127.0.0.1:0"]);
    command.env("PGAPPNAME", name);
    let server = Server::spawned(&work, command);
    (work, server)
}

/// The number of sessions of that name that run a statement.
fn running(name: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' \
               AND application_name = $1";
    Cluster::shared().client().query_one(sql, &[&name]).unwrap().get(0)
}

fn assert_free(server: &Server, name: &str) {
    wait_until("PostgreSQL has ended the statement", || running(name) == 0);
    wait_until("no query is running", || server.metric("mobility_queries_running") == 0);
    let busy = "mobility_pool_connections{state=\"busy\"}";
    wait_until("all connections are free", || server.metric(busy) == 0);
    assert_eq!(server.get("/units").status, 200);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_when_the_client_disconnects() {
    let cluster = Cluster::shared();
    for mode in ["disable", "require"] {
        let name = format!("disconnected with sslmode {mode}");
        let url = format!("{}?sslmode={mode}", cluster.url);
        let (_work, server) = served(&url, &name, "max_queries = 1\ntimeout_s = 600");
        let client = server.send("/endless?format=csv");
        wait_until("the statement runs", || running(&name) == 1);
        drop(client);
        assert_free(&server, &name);
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_when_its_time_is_up() {
    let name = "timed out";
    let url = &Cluster::shared().url;
    let (_work, server) = served(url, name, "max_queries = 1\ntimeout_s = 2");
    let got = server.get("/endless?format=csv");
    assert_eq!(got.status, 504, "{}", got.text());
    assert_free(&server, name);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_ends_with_the_server() {
    for signal in ["TERM", "KILL"] {
        let name = format!("ended by {signal}");
        let url = &Cluster::shared().url;
        let (_work, mut server) = served(url, &name, "max_queries = 1\ntimeout_s = 600");
        let client = server.send("/endless?format=csv");
        wait_until("the statement runs", || running(&name) == 1);
        server.signal(signal);
        server.wait();
        wait_until("PostgreSQL has ended the statement", || running(&name) == 0);
        drop(client);
    }
}
