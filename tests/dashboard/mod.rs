//! The dashboard and the report file in a real browser.

mod chart;
mod chromium;
mod many_laus;
mod map_and_table;
mod missing_dates;
mod movement;
mod page;
mod people;
mod public;
mod quality_page;
mod report;
mod report_options;
mod states;
mod url_prefix;

use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::serve::Server;
use page::{Page, Viewport};

/// A server over the mini data.
fn mini() -> (Workspace, Server) {
    let work = Workspace::loaded();
    let server = Server::start(&work);
    (work, server)
}

/// Synthetic data of seven days and 79 units.
fn week() -> Workspace {
    let work = Workspace::synthetic(&["--days", "7", "--events", "20000", "--users", "2000"]);
    work.ok(&["run-all", "--quiet"]);
    work
}

/// The number of a tile at the top.
fn tile(page: &Page, name: &str) -> String {
    page.text_of(&format!("#tile-{name} dd"))
}

/// Expects the numbers of `fixtures/mini`: its cell plan has 9 cells, and one of its 26 events occurs
/// twice and counts once.
fn assert_tiles_of_mini_data(page: &Page) {
    for (name, number) in
        [("users", "6"), ("events", "25"), ("cells", "9"), ("laus", "4"), ("days", "2")]
    {
        assert_eq!(tile(page, name), number, "{name}");
    }
}

/// Asserts that the page has no errors and sends requests to its own server alone.
fn assert_no_errors(page: &Page, server: &Server) {
    assert_eq!(page.errors(), [""; 0]);
    for address in page.requests() {
        // the browser draws its own controls from data: URLs
        let own = address.starts_with(&server.url) || address.starts_with("data:");
        assert!(own, "asked {address}");
    }
}

fn dashboard_shows_the_numbers_of_the_data_without_errors(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    assert_dashboard_of_mini_data(&page);
    assert_no_errors(&page, &server);
    page.screenshot(&format!("mini-1280-light-{warehouse:?}"));
}

test_on_each_warehouse!(
    dashboard_shows_the_numbers_of_the_data_without_errors,
    embedded ignored: "needs Chromium: run make test"
);

fn assert_dashboard_of_mini_data(page: &Page) {
    assert_eq!(page.text_of("h1"), "1–2 October 2024");
    assert_tiles_of_mini_data(page);
    let drawn = page.text("[...document.querySelectorAll('.card[id]')].map(c => c.id).join(' ')");
    for card in [
        "hours",
        "places",
        "daynight",
        "view-user-location-distribution",
        "view-users-per-day",
        "locked",
    ] {
        assert!(drawn.split(' ').any(|c| c == card), "no {card} among {drawn}");
    }
    // their rows are those of the hours and the map
    for card in [
        "view-events-per-hour-2024-10-01",
        "view-unique-users-per-lau-per-day",
        "view-users-per-lau-2024-10-01",
    ] {
        assert!(!drawn.split(' ').any(|c| c == card), "{card} is drawn: {drawn}");
    }
    let locked = page.text_of("#locked");
    assert!(locked.contains("number-of-unique-cells-per-user"), "{locked}");
    assert!(locked.contains("allow_user_rows = true"), "{locked}");
    // spreadsheets open what the links to CSV return
    let csv = page.eval(
        "[...document.querySelectorAll('.card-links a')].map(a => a.href)\
         .filter(href => href.includes('format=csv') && !href.includes('safe=1'))",
    );
    assert_eq!(csv, serde_json::json!([]));
    // the links of every card work
    let dead = page.eval(
        "Promise.all([...document.querySelectorAll('.card-links a')].map(a => \
         fetch(a.href).then(r => r.ok ? null : a.href))).then(all => all.filter(Boolean))",
    );
    assert_eq!(dead, serde_json::json!([]));
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn week_of_79_units_fits_both_themes_and_two_widths() {
    let work = week();
    let server = Server::start(&work);
    for (name, width, dark) in [
        ("1280-light", 1_280, false),
        ("1280-dark", 1_280, true),
        ("390-light", 390, false),
        ("390-dark", 390, true),
    ] {
        let page = Page::open(&server.url, Viewport { width, dark });
        let ground = page.text("getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground, if dark { "rgb(16, 22, 30)" } else { "rgb(245, 246, 248)" });
        let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wide, 0, "{name} scrolls sideways");
        assert_eq!(page.eval("document.querySelectorAll('#places .units path').length"), 79);
        assert_eq!(page.eval(OVERLAPS), serde_json::json!([]), "labels overlap at {name}");
        assert_no_errors(&page, &server);
        page.screenshot(&format!("week-{name}"));
        assert_eq!(page.eval(BLOCKING), serde_json::json!([]), "{name}");
    }
}

/// Resources that block the first paint besides style sheets and the script that sets the theme, which
/// has to run before anything is painted.
const BLOCKING: &str = "performance.getEntriesByType('resource') \
    .filter(r => r.renderBlockingStatus !== 'non-blocking') \
    .filter(r => !r.name.endsWith('.css') && !r.name.endsWith('/theme.js')) \
    .map(r => r.name)";

/// Pairs of overlapping axis labels in a chart.
const OVERLAPS: &str = "[...document.querySelectorAll('svg.chart')].flatMap(chart => { \
    const boxes = [...chart.querySelectorAll('.tick')].map(t => [t.textContent, t.getBoundingClientRect()]); \
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) => \
      p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3) \
      .map(([b]) => chart.getAttribute('aria-label') + ': ' + a + ' / ' + b)); })";
