//! The dashboard and the report file in a real browser.

mod chart;
mod chromium;
mod map_and_table;
mod page;
mod quality_page;
mod report;
mod states;

use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::serve::Server;
use page::{Look, Page};

/// The mini data in a warehouse, with a server.
fn mini() -> (Workspace, Server) {
    let work = Workspace::mini();
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    (work, server)
}

/// Seven days of 79 LAUs.
fn week() -> Workspace {
    let work = Workspace::empty();
    work.config("");
    work.ok(&[
        "synth", "--out", "raw", "--days", "7", "--events", "20000", "--users", "2000", "--quiet",
    ]);
    std::fs::rename(work.path("raw/lau_boundaries"), work.path("raw/lau")).unwrap();
    work.ok(&["run-all", "--quiet"]);
    work
}

/// The number that a tile at the head shows.
fn tile(page: &Page, name: &str) -> String {
    page.text_of(&format!("#tile-{name} dd"))
}

/// One number out of the warehouse, grouped.
fn count(work: &Workspace, sql: &str) -> String {
    let csv = work.ok(&["query", "--format", "csv", "--sql", sql]);
    let number: u64 = csv.lines().nth(1).unwrap().parse().unwrap();
    mobility::report::grouped(number)
}

fn assert_sound(page: &Page, server: &Server) {
    assert_eq!(page.troubles(), [""; 0]);
    for address in page.requests() {
        // the browser draws its own controls from data: URLs
        let own = address.starts_with(&server.url) || address.starts_with("data:");
        assert!(own, "asked {address}");
    }
}

fn the_first_sight_tells_the_story_without_an_error(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let server = Server::start(&work);
    let page = Page::open(&server.url, Look::WIDE);
    tells_the_story(&work, &page);
    assert_sound(&page, &server);
    page.screenshot(&format!("mini-1280-light-{warehouse:?}"));
}

test_on_each_warehouse!(
    the_first_sight_tells_the_story_without_an_error,
    embedded ignored: "needs Chromium: run make test"
);

fn tells_the_story(work: &Workspace, page: &Page) {
    assert_eq!(page.text_of("h1"), "1–2 October 2024");
    for (name, sql) in [
        ("users", "SELECT COUNT(DISTINCT user_id) AS n FROM mobile_events_compressed"),
        ("events", "SELECT CAST(SUM(event_count) AS BIGINT) AS n FROM mobile_events_compressed"),
        ("cells", "SELECT COUNT(DISTINCT cell_id) AS n FROM cell_plan"),
        ("laus", "SELECT COUNT(*) AS n FROM lau"),
        ("days", "SELECT COUNT(DISTINCT date) AS n FROM mobile_events_compressed"),
    ] {
        assert_eq!(tile(page, name), count(work, sql), "{name}");
    }
    assert_eq!((tile(page, "users"), tile(page, "events")), ("6".to_owned(), "25".to_owned()));
    let drawn = page.text("[...document.querySelectorAll('.card[id]')].map(c => c.id).join(' ')");
    for card in [
        "hours",
        "places",
        "daynight",
        "view-user-location-distribution",
        "view-events-per-hour-2024-10-01",
        "view-unique-users-per-lau-per-day",
        "view-users-per-lau-2024-10-01",
        "locked",
    ] {
        assert!(drawn.split(' ').any(|c| c == card), "no {card} among {drawn}");
    }
    let locked = page.text_of("#locked");
    assert!(locked.contains("number-of-unique-cells-per-user"), "{locked}");
    assert!(locked.contains("allow_user_rows = true"), "{locked}");
    // every card says where its rows are, and every link answers
    let dead = page.eval(
        "Promise.all([...document.querySelectorAll('.card-links a')].map(a => \
         fetch(a.href).then(r => r.ok ? null : a.href))).then(all => all.filter(Boolean))",
    );
    assert_eq!(dead, serde_json::json!([]));
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn a_week_of_79_laus_in_both_themes_and_two_widths() {
    let work = week();
    let server = Server::start(&work);
    let mut paints = Vec::new();
    for (name, width, dark) in [
        ("1280-light", 1_280, false),
        ("1280-dark", 1_280, true),
        ("390-light", 390, false),
        ("390-dark", 390, true),
    ] {
        let page = Page::open(&server.url, Look { width, dark });
        let ground = page.text("getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground, if dark { "rgb(16, 22, 30)" } else { "rgb(245, 246, 248)" });
        let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wide, 0, "{name} scrolls sideways");
        assert_eq!(page.eval("document.querySelectorAll('#places .units path').length"), 79);
        assert_eq!(page.eval(OVERLAPS), serde_json::json!([]), "labels overlap at {name}");
        assert_sound(&page, &server);
        page.screenshot(&format!("week-{name}"));
        let paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
        paints.push(page.eval(paint).as_f64().unwrap());
    }
    // the best of four, because other tests run beside this one
    let first = paints.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(first < 1_000.0, "first paint after {paints:?} ms");
}

/// Pairs of axis labels of one chart that lie on each other.
const OVERLAPS: &str = "[...document.querySelectorAll('svg.chart')].flatMap(chart => { \
    const boxes = [...chart.querySelectorAll('.tick')].map(t => [t.textContent, t.getBoundingClientRect()]); \
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) => \
      p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3) \
      .map(([b]) => chart.getAttribute('aria-label') + ': ' + a + ' / ' + b)); })";
