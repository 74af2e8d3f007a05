//! Missing data, an unreachable server, unusual names, custom views, themes.

use serde_json::json;

use super::page::{Page, Viewport};
use super::{assert_no_errors, mini};
use crate::harness::{Workspace, names_a_user};
use crate::serve::{Server, USER_ROWS, USER_ROWS_TOKEN, bearer};

#[test]
#[ignore = "needs Chromium: run make test"]
fn empty_warehouse_shows_what_to_run() {
    let work = Workspace::mini();
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    let text = page.text_of(".message.empty");
    assert!(text.contains("is empty") && text.contains("mobility run-all"), "{text}");
    page.screenshot("empty");
    work.ok(&["run-all", "--quiet"]);
    // the server looks for newer data at most once a second
    page.until("(fetch('/summary').then(r => r.ok && r.json()).then(s => { window.loaded = s && s.loaded_at; }), window.loaded)");
    page.click(".message button");
    page.until("document.getElementById('tile-users')");
    page.complete();
    assert_eq!(super::tile(&page, "events"), "25");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn unreachable_server_is_reported_and_retried() {
    let (_work, server) = mini();
    let page = Page::blank(Viewport::WIDE);
    page.call("Network.setBlockedURLs", json!({ "urls": ["*/summary*"] }));
    page.go(&server.url);
    let text = page.text_of(".message.trouble");
    assert!(text.contains("does not respond") && text.contains("Trying again in"), "{text}");
    page.screenshot("away");
    page.call("Network.setBlockedURLs", json!({ "urls": [] }));
    // the page retries by itself
    page.until("document.getElementById('tile-users')");
    page.complete();
    assert_eq!(super::tile(&page, "users"), "6");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn failed_card_is_reported_and_can_be_retried() {
    let (_work, server) = mini();
    let page = Page::blank(Viewport::WIDE);
    page.call("Network.setBlockedURLs", json!({ "urls": ["*/user-location-distribution*"] }));
    page.call("Page.navigate", json!({ "url": server.url }));
    let card = "#view-user-location-distribution";
    page.until(&format!("document.querySelector('{card} .trouble')"));
    page.until("document.querySelector('#places').dataset.ready");
    page.call("Network.setBlockedURLs", json!({ "urls": [] }));
    page.click(&format!("{card} .trouble button"));
    page.complete();
    page.until(&format!("document.querySelectorAll('{card} .bar').length === 3"));
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn newer_data_are_announced_before_they_are_shown() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    page.eval("import('/assets/status.js').then(m => m.watch({ version: 'older' }, 50))");
    page.until("document.querySelector('.news')");
    assert!(page.text_of(".news").contains("Newer data has been loaded"));
    page.click(".news button");
    page.until("!document.querySelector('.news')");
    page.complete();
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn names_are_shown_as_text() {
    let work = Workspace::mini();
    let boundaries = work.read("raw/lau/lau.geojson");
    let nasty = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    assert!(boundaries.contains("Saare vald"));
    work.write("raw/lau/lau.geojson", boundaries.replace("Saare vald", nasty));
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    page.hover("#places .units path[data-id=EE_0003]");
    assert!(page.tooltip().starts_with(nasty), "{}", page.tooltip());
    page.click("#places .units path[data-id=EE_0003]");
    page.until("document.querySelector('.detail h3')");
    assert_eq!(page.text_of(".detail h3"), nasty);
    assert_eq!(page.eval("document.querySelectorAll('img, main script').length"), 0);
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn custom_view_gets_a_card() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write(
        "views/busiest_cells.sql",
        "-- name: busiest-cells\n-- title: Cells with the most events\n\
         -- order: event_count desc, cell_id\n-- chart: bar cell_id event_count\n\
         SELECT cell_id, CAST(SUM(event_count) AS BIGINT) AS event_count\n\
         FROM mobile_events_compressed GROUP BY cell_id\n",
    );
    work.write(
        "views/mapped_cells.sql",
        "-- title: How cells found their LAU\n-- order: lau_match\n-- chart: table\n\
         SELECT lau_match, COUNT(*) AS cell_count FROM cell_plan GROUP BY lau_match\n",
    );
    work.config("");
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    assert_eq!(page.text_of("#view-busiest-cells h2"), "Cells with the most events");
    assert!(
        page.eval("document.querySelectorAll('#view-busiest-cells .row').length").as_u64()
            > Some(3)
    );
    let table = page.text_of("#view-mapped-cells table");
    assert!(table.contains("boundary") && table.contains("within"), "{table}");
    assert_no_errors(&page, &server);
    page.screenshot("own-views");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn only_snapshots_that_the_page_does_not_draw_already_get_a_card() {
    let work = Workspace::mini();
    work.write(
        "views/cells.sql",
        "-- name: cells-{snapshot_date}\n-- view: cells_{snapshot_date}\n-- title: Cells on {snapshot_date}\n\
         -- order: cell_id\n-- by: date\n-- chart: bar cell_id event_count\n\
         SELECT cell_id, CAST(SUM(event_count) AS BIGINT) AS event_count\n\
         FROM mobile_events_compressed WHERE date = DATE :'snapshot_date' GROUP BY cell_id\n",
    );
    work.config("");
    work.add_builtin_views();
    work.set_snapshot_dates("[\"2031-01-01\", \"newest\"]");
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    let cards = |date: &str| {
        let ids = format!(
            "[...document.querySelectorAll('[id$=\"{date}\"]')].map((card) => card.id).join()"
        );
        page.eval(&ids).as_str().unwrap().to_owned()
    };
    // the other snapshots are on the slider; the other date is not loaded
    assert_eq!(
        (cards("-2031-01-01"), cards("-newest")),
        (String::new(), "view-cells-newest".to_owned())
    );
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn rows_of_single_users_are_never_drawn() {
    let work = Workspace::mini();
    work.config(USER_ROWS);
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let page = Page::blank(Viewport::WIDE);
    let headers = json!({ "headers": { "Authorization": bearer(USER_ROWS_TOKEN) } });
    page.call("Network.setExtraHTTPHeaders", headers);
    page.go(&server.url);
    let card = page.text_of("#locked");
    assert!(card.contains("audit log") && !card.contains("allow_user_rows"), "{card}");
    assert_eq!(page.eval("document.querySelectorAll('#locked a').length"), 3);
    assert!(!page.requests().iter().any(|r| r.contains("per-user")), "{:?}", page.requests());
    assert_no_errors(&page, &server);
    work.ok(&["report", "--output", "report.html"]);
    let report = work.read("report.html");
    assert!(!names_a_user(&report));
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn browser_sends_the_token_as_password() {
    let work = Workspace::mini();
    work.config("[serve]\ntoken = \"a-token-that-nobody-guesses\"\n");
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let address = server.url.replace("//", "//anybody:a-token-that-nobody-guesses@");
    let page = Page::open(&address, Viewport::WIDE);
    assert_eq!(super::tile(&page, "users"), "6");
    assert_eq!(page.errors(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn chosen_theme_is_kept() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    let ground = || page.text("getComputedStyle(document.body).backgroundColor");
    let light = ground();
    page.click("#theme");
    assert_ne!(ground(), light);
    page.go(&server.url);
    assert_ne!(ground(), light, "the choice is kept");
    // the choice also applies to the pages of the views
    page.call("Page.navigate", json!({ "url": format!("{}/users-per-lau-day-night", server.url) }));
    page.until("document.readyState === 'complete' && document.querySelector('.page-table')");
    assert_ne!(ground(), light);
    page.screenshot("page-dark");
    page.click("#theme");
    assert_eq!(ground(), light);
    page.screenshot("page-light");
    assert_no_errors(&page, &server);
}
