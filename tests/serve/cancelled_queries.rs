//! Queries whose client has gone or whose time is up: they end in the warehouse.

use super::Server;
use crate::harness::{Workspace, wait_until};

/// A view that takes years: it combines twenty cells in all ways.
pub fn endless() -> String {
    let joined = (2..20)
        .fold("cell_plan c0 CROSS JOIN cell_plan c1".to_owned(), |joined, number| {
            format!("cell_plan c{number} CROSS JOIN ({joined})")
        });
    format!("SELECT MAX(c0.cell_id || c1.cell_id || c19.cell_id) AS x FROM {joined}\n")
}

/// A server with the view `endless`, whose result is not stored; `config` belongs to its section `serve`.
fn served(config: &str) -> (Workspace, Server) {
    let work = Workspace::mini();
    work.write("views/endless.sql", endless());
    work.write("views/units.sql", "SELECT lau_id FROM lau\n");
    work.config(&format!("[serve]\n{config}\n"));
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let server = Server::start(&work);
    (work, server)
}

fn assert_idle(server: &Server) {
    wait_until("no query is running", || server.metric("mobility_queries_running") == 0);
    // the engine has stopped as well: no thread of it is busy
    wait_until("the process is idle", || {
        let before = server.cpu_ticks();
        std::thread::sleep(std::time::Duration::from_millis(300));
        server.cpu_ticks() <= before + 3
    });
}

#[test]
fn query_ends_when_its_time_is_up() {
    let (_work, server) = served("timeout_s = 1\nmax_queries = 1");
    let got = server.get("/endless");
    assert_eq!(got.status, 504, "{}", got.text());
    assert_idle(&server);
    assert_eq!(server.get("/units").status, 200);
}

#[test]
fn query_ends_when_its_client_disconnects() {
    let (_work, server) = served("timeout_s = 600\nmax_queries = 1");
    let client = server.send("/endless");
    wait_until("the query runs", || server.metric("mobility_queries_running") == 1);
    drop(client);
    assert_idle(&server);
    assert_eq!(server.get("/units").status, 200);
    assert!(!server.log().contains("truncated"), "{}", server.log());
}

#[test]
fn signal_ends_the_server_and_its_queries() {
    let (_work, mut server) = served("timeout_s = 600\nmax_queries = 1");
    let client = server.send("/endless");
    wait_until("the query runs", || server.metric("mobility_queries_running") == 1);
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    drop(client);
}
