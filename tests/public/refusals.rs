//! What a server refuses the public: rows of single users, raw tables, quality, pages that compute with exact numbers.

use super::store;
use crate::harness::Workspace;
use crate::serve::Server;

#[test]
fn routes_for_analysts_are_refused_with_what_is_possible_instead() {
    let work = store::released();
    let server = Server::start_with(&work, &["--audience", "public"]);
    for (path, words) in [
        ("/unique-locations-per-user-per-day", "rows of single users"),
        ("/unique_locations_per_user_per_day", "rows of single users"),
        ("/tables/mobile_events_compressed", "rows of single users"),
        ("/tables/mobile-events-uncompressed", "rows of single users"),
        ("/tables/segments", "rows of single users"),
        ("/tables/trips", "rows of single users"),
        ("/tables/quality_daily", "for analysts alone"),
        ("/tables/quality_codes", "for analysts alone"),
        ("/tables/runs", "for analysts alone"),
        ("/tables/cell_plan", "publish.cells = true"),
        ("/unreleased", "was not released"),
        ("/quality", "only analysts may see"),
        ("/quality?format=json", "only analysts may see"),
        ("/people/residents?window=2024-10-01", "only analysts may see"),
        ("/movement/day?date=2024-10-01", "only analysts may see"),
    ] {
        let got = server.get_with(path, "accept", "application/json");
        assert_eq!(got.status, 403, "{path}: {}", got.text());
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(words) && detail.contains("/views lists what was released"),
            "{path}: {detail}"
        );
    }
    for path in ["/sql", "/sql?query=SELECT", "/tables/nothing", "/complet", "/report"] {
        assert_eq!(server.get_with(path, "accept", "application/json").status, 404, "{path}");
    }
    let text = server.get_with("/complet", "accept", "application/json").text();
    assert!(text.contains("/complete?"), "{text}");
}

#[test]
fn documents_list_what_was_released_and_nothing_else() {
    let work = store::released();
    let server = Server::start_with(&work, &["--audience", "public"]);
    let views = server.get("/views").json();
    assert_eq!(store::names(&views), ["by_day", "complete", "sparse"]);
    let tables: Vec<&str> =
        views["tables"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(tables, ["lau"]);
    let columns = &views["views"][1]["columns"];
    assert_eq!(columns.as_array().unwrap().last().unwrap()["name"], "suppressed");
    let openapi = server.get("/openapi.json").json();
    let paths: Vec<&String> = openapi["paths"].as_object().unwrap().keys().collect();
    for path in ["/complete", "/sparse", "/by-day", "/tables/lau", "/summary", "/map"] {
        assert!(paths.iter().any(|p| *p == path), "{path} of {paths:?}");
    }
    for path in ["/quality", "/people", "/movement", "/unreleased", "/tables/cell_plan"] {
        assert!(!paths.iter().any(|p| p.starts_with(path)), "{path} of {paths:?}");
    }
    let summary = server.get("/summary").json();
    assert_eq!(summary["dates"], serde_json::json!(["2024-10-01", "2024-10-02"]));
    assert_eq!(
        (summary["min_devices"].as_i64(), summary["laus"].as_i64()),
        (Some(store::MIN), Some(4))
    );
    for figure in ["events", "users", "cells", "warehouse", "quality", "gaps"] {
        assert!(summary[figure].is_null(), "{figure}: {summary}");
    }
    // where the data are, and what is wrong with the configuration, does not concern the public
    let health = server.get("/health").text();
    assert!(!health.contains("gaps") && !health.contains("problem"), "{health}");
    let page = server.get_with("/complete", "accept", "text/html").text();
    assert!(
        page.contains("<td class=\"number withheld\">suppressed</td>")
            && !page.contains("quality\""),
        "{page}"
    );
    let overview = server.get("/people/overview").json();
    assert!(overview["reason"].as_str().unwrap().contains("for analysts alone"), "{overview}");
}

#[test]
fn server_for_the_public_never_needs_the_warehouse() {
    let work = store::released();
    work.remove("warehouse");
    work.remove("processed");
    work.remove("raw");
    let server = Server::start_with(&work, &["--audience", "public"]);
    assert_eq!(server.get("/complete?format=csv").ok().lines().count(), 9);
    assert_eq!(server.get("/map").json()["laus"].as_array().unwrap().len(), 4);
    server.get_with("/", "accept", "text/html").ok();
}

#[test]
fn release_is_noticed_while_the_server_runs() {
    let work = Workspace::loaded();
    store::with_views(&work, "");
    let server = Server::start_with(&work, &["--audience", "public"]);
    let got = server.get("/summary");
    assert_eq!(got.status, 503);
    let text = got.text();
    assert!(text.contains("nothing has been published yet; run `mobility publish DIR`"), "{text}");
    let release = |view| store::Release { view, measures: &["devices"], is_complete: true };
    store::publish(&work, store::MIN, &[release("complete")]);
    server.until("/complete", 200);
    assert_eq!(store::names(&server.get("/views").json()), ["complete"]);
    store::publish(&work, store::MIN, &[release("complete"), release("by_day")]);
    server.until("/by-day", 200);
}
