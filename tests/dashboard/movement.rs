//! The page about movement, over the world that is worked out by hand, and over 79 units.

use serde_json::json;

use super::assert_no_errors;
use super::page::{Page, Viewport};
use crate::harness::{Warehouse, Workspace};
use crate::movement::by_hand::world;
use crate::serve::Server;

fn address(server: &Server) -> String {
    format!("{}/movement", server.url.trim_end_matches('/'))
}

/// Lines on the map of trips, as `from>to:value kind`.
fn lines(page: &Page) -> String {
    page.text(
        "[...document.querySelectorAll('#trips path.flow')].map(p => `${p.dataset.from}>${p.dataset.to}:\
         ${p.dataset.value} ${p.getAttribute('class').split(' ')[1]}`).join(' ')",
    )
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn trips_of_the_small_world_are_shown_as_worked_out_by_hand() {
    let work = world().load(Warehouse::Embedded, "");
    let server = Server::start(&work);
    let page = Page::open(&format!("{}#date=2024-10-01", address(&server)), Viewport::WIDE);
    assert_eq!(lines(&page), "EE_A>EE_C:1 any");
    let about = page.text_of("#trips .coverage");
    assert!(
        about.contains("Tue 1 Oct 2024, whole day. 2 trips between LAUs and 0 within them"),
        "{about}"
    );
    for card in ["#trips", "#distances", "#perdevice", "#dwell", "#balance", "#choices"] {
        let text = page.text_of(&format!("{card} .coverage"));
        assert!(text.contains("of the time of these devices is unknown"), "{card}: {text}");
    }
    let bars = |page: &Page, card: &str| {
        page.text(&format!(
            "[...document.querySelectorAll('#{card} li')].map(l => l.dataset.key + ':' + l.dataset.value).join(' ')"
        ))
    };
    assert_eq!(bars(&page, "distances"), "<2 km:0 2–10 km:1 10–50 km:1 50+ km:0");
    assert_eq!(bars(&page, "perdevice"), "No trip:8 1 trip:2 2 trips:0 3 or more:0");
    assert_eq!(page.eval("document.querySelectorAll('#matrix .matrix-cells path').length"), 4);
    page.hover("#matrix path[data-from=EE_A][data-to=EE_C]");
    assert_eq!(page.tooltip(), "Aa to Cee|Trips 1");
    // the hour from 23:00 has the trip that leaves all LAUs
    page.eval("document.querySelector('#trips .hours input').focus()");
    page.key("End");
    page.until("document.querySelector('#trips').dataset.hour === '23'");
    assert_eq!(lines(&page), "");
    page.until("document.querySelector('#balance').dataset.hour === '23'");
    assert!(page.text_of("#balance .coverage").contains("Outside all LAUs 1 arrive and 0 leave"));
    page.eval("document.querySelector('#trips .hours input').focus()");
    page.key("Home");
    page.until("document.querySelector('#trips').dataset.hour === 'all'");
    page.click("#trips .units path[data-id=EE_A]");
    page.until("document.querySelector('#trips').dataset.lau === 'EE_A'");
    assert_eq!(lines(&page), "EE_A>EE_C:1 out");
    assert!(page.text_of("#trips .places-table").contains("Outside all LAUs"));
    assert_eq!(page.text("location.hash"), "#date=2024-10-01&lau=EE_A");
    assert_no_errors(&page, &server);
    work.ok(&["report", "--view", "trips-od", "--date", "2024-10-01", "--output", "trips.svg"]);
    let svg = work.read("trips.svg");
    assert!(svg.contains("<title>Aa to Cee: 1</title>"), "{svg}");
    // the first page has none of these views
    page.go(&server.url);
    assert_eq!(
        page.eval("document.querySelectorAll('#view-trips-od, #view-flow-balance').length"),
        0
    );
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn movement_between_79_units_fits_both_themes_and_two_widths() {
    let work = Workspace::synthetic(&["--people", "300", "--cells", "300", "--days", "2"]);
    work.config("");
    work.add_views_about_people();
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    for (name, width, dark) in [
        ("1280-light", 1_280, false),
        ("1280-dark", 1_280, true),
        ("390-light", 390, false),
        ("390-dark", 390, true),
    ] {
        let page = Page::open(&address(&server), Viewport { width, dark });
        let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wide, 0, "{name} scrolls sideways");
        assert_ne!(lines(&page), "", "{name}");
        assert_eq!(page.eval(super::OVERLAPS), json!([]), "labels overlap at {name}");
        assert_eq!(page.eval(super::BLOCKING), json!([]), "{name}");
        // one document of the date, and one of its trips
        let asked = page.requests().into_iter().filter(|url| url.contains("/movement/")).count();
        assert_eq!(asked, 3, "{:?}", page.requests());
        page.screenshot(&format!("movement-{name}"));
        assert_no_errors(&page, &server);
    }
}
