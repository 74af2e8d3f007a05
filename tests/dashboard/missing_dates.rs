//! Dates without events in charts and on pages.

use serde_json::json;

use super::page::{Page, Viewport};
use super::{OVERLAPS, assert_no_errors};
use crate::harness::Workspace;
use crate::serve::Server;

/// Synthetic data of ten days without those of three of them.
fn with_gaps() -> Workspace {
    let work = Workspace::synthetic(&[
        "--days", "10", "--events", "5000", "--users", "500", "--laus", "20", "--cells", "300",
    ]);
    for day in ["day=4", "day=5", "day=8"] {
        let pattern = work.path(&format!("raw/events/**/{day}"));
        for folder in glob::glob(&pattern.to_string_lossy()).unwrap() {
            std::fs::remove_dir_all(folder.unwrap()).unwrap();
        }
    }
    work.ok(&["run-all", "--quiet"]);
    work
}

const BADGE: &str = "No data of 3 dates: 4–5 October 2024, 8 October 2024";

#[test]
#[ignore = "needs Chromium: run make test"]
fn missing_dates_are_gaps_and_no_zeros_in_both_themes_and_two_widths() {
    let work = with_gaps();
    let server = Server::start(&work);
    work.ok(&["report", "--output", "report.html"]);
    let file = format!("file://{}", work.path("report.html").display());
    for (name, width, dark) in [
        ("1280-light", 1_280, false),
        ("1280-dark", 1_280, true),
        ("390-light", 390, false),
        ("390-dark", 390, true),
    ] {
        for (kind, url) in [("served", &server.url), ("file", &file)] {
            let page = Page::open(url, Viewport { width, dark });
            assert_eq!(page.text_of("#missing"), BADGE);
            // two panels with two gaps each
            assert_eq!(page.eval("document.querySelectorAll('#hours rect.gap-band').length"), 4);
            let parts = "[...document.querySelectorAll('#hours path.line')].map(l => l.getAttribute('d').split('M').length - 1)";
            assert_eq!(page.eval(parts), json!([3, 3]), "{kind} {name}");
            let bands = "[...document.querySelectorAll('#hours rect.gap-band')].map(b => getComputedStyle(b).fill)";
            let fills = page.eval(bands);
            assert!(fills.as_array().unwrap().iter().all(|f| f != "rgb(0, 0, 0)"), "{fills}");
            assert!(page.text_of("#hours .keys").contains("No data"));
            let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
            assert_eq!(wide, 0, "{kind} {name} scrolls sideways");
            assert_eq!(page.eval(OVERLAPS), json!([]), "labels overlap at {name}");
            // the days of a LAU
            page.click("#places .units path");
            page.until("document.querySelector('.detail-chart svg')");
            let parts = "document.querySelector('.detail-chart path.line').getAttribute('d').split('M').length - 1";
            assert_eq!(page.eval(parts), 3, "{kind} {name}");
            if kind == "served" {
                assert_no_errors(&page, &server);
            } else {
                assert_eq!(page.errors(), [""; 0]);
            }
            page.screenshot(&format!("missing-{kind}-{name}"));
        }
        let page = Page::blank(Viewport { width, dark });
        page.call("Page.navigate", json!({ "url": format!("{}/quality", server.url) }));
        page.until("document.readyState === 'complete' && document.querySelector('.warnings')");
        let warnings = page.text_of(".warnings");
        assert!(warnings.contains("2024-10-04 no events of 2 dates have arrived"), "{warnings}");
        page.screenshot(&format!("missing-quality-{name}"));
    }
}
