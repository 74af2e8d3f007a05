//! View files and settings that change while the server runs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::Server;
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse, wait_until};

/// A view file with one row.
fn one_row(name: &str, select: &str) -> String {
    format!(
        "-- name: {name}\n-- view: {}\n-- title: A row\n-- description: One row.\n-- chart: table\n{select}\n",
        name.replace('-', "_")
    )
}

fn health(server: &Server) -> Value {
    server.get("/health").json()["definitions"].clone()
}

fn csv(server: &Server, name: &str) -> (u16, String) {
    let got = server.get(&format!("/{name}?format=csv"));
    (got.status, got.text())
}

fn changed_view_files_are_taken_up(warehouse: Warehouse) {
    let work = warehouse.mini();
    work.copy_shipped_views();
    work.write("views/own.sql", one_row("own", "SELECT COUNT(*) AS cells FROM cell_plan"));
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let mut fingerprints = BTreeSet::from([health(&server)["fingerprint"].to_string()]);
    let before = server.get("/own?format=csv");
    let tag = before.header("etag").to_owned();
    assert_eq!(before.ok(), "cells\n10\n");
    assert_eq!(csv(&server, "other").0, 404);
    // a file that changes
    work.write("views/own.sql", one_row("own", "SELECT COUNT(*) AS laus FROM lau"));
    work.ok(&["views", "--quiet"]);
    wait_until("the view has changed", || csv(&server, "own").1 == "laus\n4\n");
    let again = server.get_with("/own?format=csv", "if-none-match", &tag);
    assert_eq!((again.status, again.text()), (200, "laus\n4\n".to_owned()));
    assert!(fingerprints.insert(health(&server)["fingerprint"].to_string()));
    // one that is added
    work.write("views/other.sql", one_row("other", "SELECT COUNT(*) AS n FROM quality_daily"));
    work.ok(&["views", "--quiet"]);
    assert_eq!(server.until("/other?format=csv", 200).ok(), "n\n2\n");
    let listed = server.get("/views").text();
    assert!(
        listed.contains("\"other\"") && server.get("/docs").text().contains("other?format=json"),
        "{listed}"
    );
    assert!(server.get("/openapi.json").json()["paths"]["/other"].is_object());
    assert!(fingerprints.insert(health(&server)["fingerprint"].to_string()));
    // and one that is removed
    work.remove("views/own.sql");
    server.until("/own", 404);
    assert!(fingerprints.insert(health(&server)["fingerprint"].to_string()));
    assert!(server.log().contains("changed definitions are in use"), "{}", server.log());
    let days = "view_users_per_lau_day_night";
    assert_eq!(csv(&server, "users-per-lau-day-night").1, crate::harness::expected(days));
}

test_on_each_warehouse!(changed_view_files_are_taken_up);

#[test]
fn broken_definitions_leave_the_earlier_ones_in_use_and_say_why() {
    let work = Workspace::loaded();
    work.copy_shipped_views();
    work.write("views/own.sql", one_row("own", "SELECT COUNT(*) AS cells FROM cell_plan"));
    let server = Server::start(&work);
    assert_eq!(csv(&server, "own").1, "cells\n10\n");
    let sound = health(&server);
    assert_eq!((&sound["problem"], &sound["restart"]), (&Value::Null, &json!([])));
    let config = work.read("pipeline.toml");
    let own = work.read("views/own.sql");
    for (file, text, words) in [
        ("views/own.sql", "-- chart: pie\nSELECT 1 AS x\n".to_owned(), "own.sql"),
        ("views/own.sql", one_row("own", "SELECT COUNT(*) AS n FROM cell_plam"), "own.sql"),
        ("views/own.sql", one_row("own", "SELECT no_such_column FROM cell_plan"), "no_such_column"),
        ("views/own.sql", one_row("own", "DELETE FROM cell_plan"), "own.sql"),
        (
            "views/new.sql",
            one_row("users-per-lau", "SELECT COUNT(*) AS n FROM lau"),
            "users-per-lau",
        ),
        ("views/new.sql", one_row("health", "SELECT COUNT(*) AS n FROM lau"), "/health"),
        ("pipeline.toml", format!("{config}\n[tme]\n"), "tme"),
        ("pipeline.toml", format!("{config}\n[time]\nday_start = 30\n"), "day_start"),
    ] {
        work.write(file, &text);
        let mut problem = Value::Null;
        wait_until("the problem is reported", || {
            problem = health(&server)["problem"].clone();
            !problem.is_null()
        });
        assert!(problem.as_str().unwrap().contains(words), "{text}: {problem}");
        assert_eq!(csv(&server, "own"), (200, "cells\n10\n".to_owned()), "{text}");
        assert_eq!(health(&server)["fingerprint"], sound["fingerprint"], "{text}");
        assert_eq!(server.get("/health").json()["ready"], true);
        let log = server.log();
        assert!(log.contains("changed definitions are not used") && log.contains(words), "{log}");
        work.write("pipeline.toml", &config);
        work.write("views/own.sql", &own);
        work.remove("views/new.sql");
        wait_until("the problem is over", || health(&server)["problem"].is_null());
        assert_eq!(health(&server), sound, "{text}");
    }
}

#[test]
fn changed_settings_are_taken_up_or_need_a_restart() {
    let work = Workspace::loaded();
    let server = Server::start(&work);
    let before = csv(&server, "users-per-lau-day-night").1;
    let health_before = health(&server);
    work.config("[time]\nday_start = 0\nday_end = 1\n");
    wait_until("the night is longer", || csv(&server, "users-per-lau-day-night").1 != before);
    let fresh = Server::start(&work);
    assert_eq!(csv(&server, "users-per-lau-day-night"), csv(&fresh, "users-per-lau-day-night"));
    assert_eq!(server.get("/summary").json()["day_end"], 1);
    assert_eq!(health(&server)["fingerprint"], health(&fresh)["fingerprint"]);
    assert_ne!(health(&server)["fingerprint"], health_before["fingerprint"]);
    // limits that pages name
    let page = |server: &Server| server.get("/quality?format=html").ok();
    let tag = server.get("/quality?format=html").header("etag").to_owned();
    work.config("[checks]\nexpected_dates = [\"2024-10-04\"]\n");
    wait_until("a date is missing", || {
        page(&server).contains("no events of this date have arrived")
    });
    assert_ne!(server.get("/quality?format=html").header("etag"), tag);
    // settings of the server itself
    work.config("[serve]\nmax_queries = 3\ntimeout_s = 50\n");
    work.set_snapshot_dates("[]");
    server.until("/events-per-hour-2024-10-01", 404);
    assert_eq!(health(&server)["restart"], json!(["serve.max_queries", "serve.timeout_s"]));
    let log = server.log();
    assert!(log.contains("restart the server to take up changes to serve.max_queries"), "{log}");
    work.config("");
    wait_until("nothing needs a restart", || health(&server)["restart"] == json!([]));
    assert_eq!(health(&server)["fingerprint"], health_before["fingerprint"]);
    assert_eq!(csv(&server, "users-per-lau-day-night").1, before);
}

#[test]
fn no_answer_mixes_two_sets_of_definitions() {
    let work = Workspace::loaded();
    work.copy_shipped_views();
    // columns, value, and the order of the views differ
    let forms = [
        ("a-first", "SELECT COUNT(*) AS cells FROM cell_plan", "cells\n10\n"),
        ("z-last", "SELECT COUNT(*) AS laus, 7 AS seven FROM lau", "laus,seven\n4,7\n"),
    ];
    let put = |(file, select, _): (&str, &str, &str)| {
        let new = work.path("new.sql");
        std::fs::write(&new, one_row("own", select)).unwrap();
        let other = if file == "a-first" { "views/z-last.sql" } else { "views/a-first.sql" };
        let target = work.path(&format!("views/{file}.sql"));
        // a state with both files is refused, because the name is given twice
        std::fs::rename(&new, &target).unwrap();
        work.remove(other);
    };
    put(forms[0]);
    let server = Server::start(&work);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut seen = BTreeSet::new();
                while !done.load(Ordering::Relaxed) {
                    if thread == 0 {
                        let (status, text) = csv(server, "own");
                        assert!(forms.iter().any(|form| form.2 == text), "{status} {text}");
                        seen.insert(text);
                    } else if thread == 1 {
                        let got = server.get("/own?format=json").json();
                        let columns = got["columns"].as_array().unwrap().len();
                        let values = got["rows"][0].as_object().unwrap().len();
                        assert!(columns == values && got["total"] == 1, "{got}");
                    } else {
                        // a neighbour in the list of views keeps its rows
                        let rows = csv(server, "users-per-lau");
                        let expected = crate::harness::expected("agg_users_per_lau_per_day");
                        assert_eq!(rows, (200, expected));
                    }
                }
                assert!(thread > 0 || seen.len() == 2, "{seen:?}");
            });
        }
        for form in [1, 0, 1, 0, 1].map(|number| forms[number]) {
            put(form);
            wait_until("the other form is served", || csv(&server, "own").1 == form.2);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn folder_of_views_that_appears_later_is_taken_up() {
    let work = Workspace::loaded();
    let config = work.read("pipeline.toml");
    let (rest, _) = config.split_once("[views]").unwrap();
    work.write("pipeline.toml", rest);
    let server = Server::start(&work);
    assert_eq!(csv(&server, "own").0, 404);
    work.write("sql/views/own.sql", one_row("own", "SELECT COUNT(*) AS cells FROM cell_plan"));
    assert_eq!(server.until("/own?format=csv", 200).ok(), "cells\n10\n");
    // built-in views stay
    server.get("/users-per-lau").ok();
}
