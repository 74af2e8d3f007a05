//! Data that appear, change and become unavailable while the server runs.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cancelled_queries::endless;
use super::{Server, served};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse, wait_until};
use crate::postgis::Cluster;

fn server_reports_missing_data_and_answers_after_the_first_load(warehouse: Warehouse) {
    let work = warehouse.mini();
    let server = Server::start(&work);
    let got = server.get("/users-per-lau");
    assert_eq!(got.status, 503, "{}", got.text());
    assert!(got.text().contains("mobility run-all"), "{}", got.text());
    assert!(!got.header("retry-after").is_empty());
    let health = server.get("/health");
    assert_eq!((health.status, &health.json()["ready"]), (503, &false.into()));
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/").status, 200);
    work.ok(&["run-all"]);
    let csv = server.until("/users-per-lau?format=csv", 200).ok();
    assert_eq!(csv, crate::harness::expected("agg_users_per_lau_per_day"));
}

test_on_each_warehouse!(server_reports_missing_data_and_answers_after_the_first_load);

/// Replaces the events by the mini events without the first.
fn remove_first_event(work: &Workspace) {
    use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
    let events = crate::harness::mini_events().split_off(1);
    let users: Vec<&[u8]> = events.iter().map(|e| e.0.as_slice()).collect();
    work.remove("raw/events");
    work.write_events(
        "part.parquet",
        vec![
            ("user_id", crate::harness::array(BinaryArray::from(users))),
            (
                "cell_id",
                crate::harness::array(Int64Array::from_iter_values(events.iter().map(|e| e.1))),
            ),
            (
                "timestamp",
                crate::harness::array(TimestampMicrosecondArray::from_iter_values(
                    events.iter().map(|e| e.2),
                )),
            ),
        ],
    );
}

fn new_load_is_noticed_and_no_answer_mixes_two_loads(warehouse: Warehouse) {
    let (work, server) = served(warehouse, "");
    let summary = server.get("/summary").json();
    let before = server.get("/number-of-events-per-hour");
    let etag = before.header("etag").to_owned();
    remove_first_event(&work);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let got = server.get("/number-of-events-per-hour?order_by=event_count");
                    assert_eq!(got.status, 200, "{}", got.text());
                    let got = got.json();
                    let rows = got["rows"].as_array().unwrap();
                    let events: u64 = rows.iter().map(|r| r["event_count"].as_u64().unwrap()).sum();
                    assert!(matches!(events, 24 | 25), "{events}");
                    assert_eq!(got["total"], rows.len());
                }
            });
        }
        work.ok(&["run-all"]);
        done.store(true, Ordering::Relaxed);
    });
    server.until_newer_than(&summary);
    let after = server.get_with("/number-of-events-per-hour", "if-none-match", &etag);
    assert_eq!(after.status, 200);
    let printed = work.ok(&["query", "number-of-events-per-hour", "--format", "json"]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(after.json()["rows"], printed);
    let new = server.get("/summary").json();
    assert_eq!((&summary["events"], &new["events"]), (&25.into(), &24.into()));
    assert_ne!(summary["version"], new["version"]);
}

test_on_each_warehouse!(new_load_is_noticed_and_no_answer_mixes_two_loads);

#[test]
#[ignore = "needs PostGIS: run make test"]
fn restarted_database_gives_503_and_then_answers_again() {
    let cluster = Cluster::start("served");
    let work = Workspace::mini();
    work.postgis(&cluster.url, "s", "connect_timeout_s = 1\n");
    work.ok(&["run-all"]);
    let server = Server::start(&work);
    let path = "/users-per-lau-day-night?format=csv";
    let expected = crate::harness::expected("view_users_per_lau_day_night");
    assert_eq!(server.get(path).ok(), expected);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (server, done, expected) = (&server, &done, &expected);
            scope.spawn(move || {
                let mut lau = 0;
                while !done.load(Ordering::Relaxed) {
                    lau += 1;
                    // a cached answer and one that is never in the cache
                    let fresh = format!("/users-per-lau?lau=x{number}-{lau}");
                    for path in [path, fresh.as_str()] {
                        let got = server.get(path);
                        assert!(matches!(got.status, 200 | 503), "{}: {}", got.status, got.text());
                        if got.status == 503 {
                            assert!(!got.header("retry-after").is_empty());
                        } else if path.ends_with("csv") {
                            assert_eq!(&got.text(), expected);
                        }
                    }
                }
            });
        }
        cluster.stop();
        let away = server.until(path, 503);
        assert!(!away.text().contains(cluster.password()), "{}", away.text());
        let health = server.get("/health");
        assert_eq!(health.status, 503);
        assert!(!health.json()["reason"].as_str().unwrap().contains(cluster.password()));
        cluster.restart();
        assert_eq!(server.until(path, 200).ok(), expected);
        done.store(true, Ordering::Relaxed);
    });
    // a server that starts before its database
    drop(server);
    cluster.stop();
    let server = Server::start(&work);
    assert_eq!(server.get(path).status, 503);
    cluster.restart();
    assert_eq!(server.until(path, 200).ok(), expected);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn slow_queries_time_out_and_too_many_queries_are_rejected() {
    let (work, schema) = crate::postgis::mini();
    work.write("views/slow.sql", endless());
    work.postgis(&Cluster::shared().url, &schema, "[serve]\ntimeout_s = 1\nmax_queries = 1\n");
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let server = Server::start(&work);
    server.until("/health", 200);
    let got = server.get("/slow");
    assert_eq!(got.status, 504, "{}", got.text());
    assert!(got.text().contains("serve.timeout_s"), "{}", got.text());
    // the query no longer runs in the database, and its place is free
    assert_eq!(server.get("/slow?limit=1").status, 504);
    drop(server);
    work.postgis(&Cluster::shared().url, &schema, "[serve]\ntimeout_s = 600\nmax_queries = 1\n");
    let server = Server::start(&work);
    server.until("/health", 200);
    // one runs, sixteen wait
    let clients: Vec<_> =
        (1..=40).map(|limit| server.send(&format!("/slow?limit={limit}"))).collect();
    let rejected = "mobility_http_requests_total{route=\"/slow\",status=\"503\"} 23\n";
    wait_until("all others are rejected", || server.get("/metrics").text().contains(rejected));
    let got = server.get("/slow");
    assert_eq!(got.status, 503, "{}", got.text());
    assert!(got.text().contains("serve.max_queries") && !got.header("retry-after").is_empty());
    assert!(server.get("/metrics").text().contains("mobility_queries_running 1\n"));
    assert_eq!(server.get("/health").status, 200);
    drop(clients);
}
