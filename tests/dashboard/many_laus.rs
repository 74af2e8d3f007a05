//! The pages about people and movement with 3,000 LAUs.

use serde_json::json;

use super::assert_no_errors;
use super::page::{Page, Viewport};
use crate::harness::Workspace;
use crate::serve::Server;

/// Numbers and headings of tables that are cut off.
const CUT: &str = "[...document.querySelectorAll('.table-box td.n, .table-box th')] \
    .filter(cell => cell.offsetParent && !cell.querySelector('.lau') && cell.scrollWidth > cell.clientWidth + 1) \
    .map(cell => cell.closest('.card').id + ': ' + cell.textContent)";

/// For each map with lines, their number, and how much of it they would cover if none crossed another.
const LINES: &str = "[...document.querySelectorAll('.map-over')].map(map => { \
    const lines = [...map.querySelectorAll('path.flow')]; \
    const scale = map.clientWidth / map.viewBox.baseVal.width; \
    const area = lines.reduce((sum, line) => sum + line.getTotalLength() * scale * line.getAttribute('stroke-width'), 0); \
    return [lines.length, area / (map.clientWidth * map.clientHeight)]; })";

/// Scrolls until every card is drawn: those far below wait until they are seen.
fn draw_all(page: &Page) {
    page.until("document.getElementById('ready')");
    page.eval(
        "(async () => { for (const card of document.querySelectorAll('.card[id]')) { card.scrollIntoView(); \
         while (!card.dataset.ready) await new Promise(done => requestAnimationFrame(done)); } })()",
    );
    page.complete();
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn three_thousand_laus_stay_legible_at_two_widths() {
    let work = Workspace::synthetic(&[
        "--people", "3000", "--cells", "6000", "--laus", "3000", "--days", "3",
    ]);
    work.config("[anchors]\nmin_nights = 2\nwork_min_days = 2\n");
    work.add_views_about_people();
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    for (width, dark) in [(1_280, false), (390, true)] {
        for (path, maps) in [("movement", 1), ("people", 2)] {
            let page = Page::blank(Viewport { width, dark });
            let url = format!("{}/{path}", server.url.trim_end_matches('/'));
            page.call("Page.navigate", json!({ "url": url }));
            draw_all(&page);
            let name = format!("{path} at {width}");
            let wide = page.eval("document.documentElement.scrollWidth - innerWidth");
            assert_eq!(wide, 0, "{name} scrolls sideways");
            assert_eq!(page.eval(super::OVERLAPS), json!([]), "labels overlap: {name}");
            assert_eq!(page.eval(CUT), json!([]), "{name}");
            // shapes are drawn on canvases
            assert_eq!(page.eval("document.querySelectorAll('.units path').length"), 0, "{name}");
            let lines = page.eval(LINES);
            assert_eq!(lines.as_array().unwrap().len(), maps, "{name}");
            for map in lines.as_array().unwrap() {
                let (number, cover) = (map[0].as_u64().unwrap(), map[1].as_f64().unwrap());
                assert!((100..=2_000).contains(&number), "{name}: {lines}");
                assert!(cover < 1.0, "the lines hide the map, {name}: {lines}");
            }
            page.screenshot(&format!("many-laus-{path}-{width}"));
            assert_no_errors(&page, &server);
        }
    }
}
