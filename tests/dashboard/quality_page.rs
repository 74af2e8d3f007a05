//! The quality page, the badge that links to it, and the report as a file.

use serde_json::json;

use super::page::{Page, Viewport};
use super::{OVERLAPS, assert_no_errors};
use crate::harness::Workspace;
use crate::quality::{three_dates, write_day};
use crate::serve::Server;

/// The three dates of the records and a fourth with few events.
fn with_four_dates() -> Workspace {
    let work = Workspace::loaded();
    three_dates(&work);
    write_day(
        &work,
        "2024-10-04",
        &[("y.parquet", None, 90, 9, &[])],
        &[("a", "999", 3, 90)],
        |_| {},
    );
    add_movement(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    work
}

/// Says how the time of the devices of the fourth date is divided.
fn add_movement(work: &Workspace) {
    let path = "processed/movement.json";
    let mut manifest: serde_json::Value = serde_json::from_str(&work.read(path)).unwrap();
    let totals = json!({ "stay_us": 30, "pass_us": 5, "move_us": 5, "unknown_us": 60, "trips": 0,
        "returning_trips": 0, "returning_trips_next_date": 0 });
    manifest["dates"]["2024-10-04"] =
        json!({ "fingerprint": "", "segments": {}, "trips": {}, "totals": totals });
    work.write(path, manifest.to_string());
}

/// Opens a page that is not a dashboard.
fn go(page: &Page, url: &str) {
    page.call("Page.navigate", json!({ "url": url }));
    page.until("document.readyState === 'complete' && document.querySelector('.tiles')");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn quality_page_fits_both_themes_and_two_widths() {
    let work = with_four_dates();
    let server = Server::start(&work);
    work.ok(&["quality", "--output", "q.html"]);
    let file = format!("file://{}", work.path("q.html").display());
    for (name, width, dark) in [
        ("1280-light", 1_280, false),
        ("1280-dark", 1_280, true),
        ("390-light", 390, false),
        ("390-dark", 390, true),
    ] {
        for (kind, url) in [("served", format!("{}/quality", server.url)), ("file", file.clone())] {
            let page = Page::blank(Viewport { width, dark });
            go(&page, &url);
            let ground = page.text("getComputedStyle(document.body).backgroundColor");
            assert_eq!(ground, if dark { "rgb(16, 22, 30)" } else { "rgb(245, 246, 248)" });
            let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
            assert_eq!(wide, 0, "{kind} {name} scrolls sideways");
            let tiles = page.text(
                "[...document.querySelectorAll('.tile dd')].map(t => t.textContent).join('|')",
            );
            assert_eq!(tiles, "90|0 %|1|100 %|23|60 %");
            let worst = page.text_of(".warnings li");
            assert!(worst.starts_with("critical 2024-10-04 "), "{worst}");
            assert_eq!(page.eval("document.querySelectorAll('.small-charts svg').length"), 4);
            // labels of charts have the colour of the theme and do not overlap
            let ink =
                page.text("getComputedStyle(document.querySelector('.small-charts text')).fill");
            assert_eq!(
                ink,
                page.text("getComputedStyle(document.querySelector('.page-about')).color")
            );
            let boxes = OVERLAPS.replace("svg.chart", ".small-charts svg").replace(".tick", "text");
            assert_eq!(page.eval(&boxes), json!([]), "{kind} {name}");
            let broken = "[...document.querySelectorAll('.page-table td.words')].filter(c => c.getClientRects().length !== 1 || c.offsetHeight > 40).map(c => c.textContent)";
            assert_eq!(page.eval(broken), json!([]), "cells broken over lines in {kind} {name}");
            if kind == "served" {
                assert_no_errors(&page, &server);
            } else {
                assert_eq!(page.errors(), [""; 0]);
                assert_eq!(page.requests(), [url]);
                assert_eq!(page.eval("document.querySelectorAll('a[href]').length"), 0);
            }
            page.screenshot(&format!("quality-{kind}-{name}"));
        }
    }
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn dashboard_badge_links_to_the_quality_page_with_date_filter() {
    let work = with_four_dates();
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    assert_eq!(page.text_of("#quality"), "Data quality: 2 critical, 1 warning on 4 October 2024");
    page.screenshot("badge");
    page.click("#quality a");
    page.until("location.pathname === '/quality' && document.querySelector('.tiles')");
    let dates = || {
        page.text("[...document.querySelectorAll('[aria-label=Dates] tbody td:first-child')].map(c => c.textContent).join(' ')")
    };
    assert_eq!(dates(), "2024-10-04 2024-10-03 2024-10-02 2024-10-01");
    page.eval("(() => { const [from, to] = document.querySelectorAll('input[type=date]'); from.value = '2024-10-02'; to.value = '2024-10-03'; })()");
    page.click(".page-filter button");
    page.until("location.search.includes('from=2024-10-02') && document.querySelector('.tiles')");
    assert_eq!(dates(), "2024-10-03 2024-10-02");
    let dead = page.eval(
        "Promise.all([...document.querySelectorAll('main a')].map(a => \
         fetch(a.href).then(r => r.ok ? null : a.href))).then(all => all.filter(Boolean))",
    );
    assert_eq!(dead, json!([]));
    page.click("nav a[href='./']");
    page.complete();
    assert_no_errors(&page, &server);
    // a report file has the badge but no link
    work.ok(&["report", "--output", "r.html"]);
    let page = Page::open(&format!("file://{}", work.path("r.html").display()), Viewport::WIDE);
    assert!(page.text_of("#quality").contains("2 critical"));
    assert_eq!(page.eval("document.querySelectorAll('#quality a').length"), 0);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn warehouse_without_figures_on_quality_has_no_badge() {
    let work = Workspace::mini();
    for stage in ["compress", "geojoin", "load", "views"] {
        work.ok(&[stage, "--quiet"]);
    }
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    assert_eq!(page.eval("document.getElementById('quality')"), json!(null));
    page.call("Page.navigate", json!({ "url": format!("{}/quality", server.url) }));
    page.until("document.querySelector('.page-detail')");
    assert!(page.text_of(".page-detail").contains("mobility run-all"));
}
