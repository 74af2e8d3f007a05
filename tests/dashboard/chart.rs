//! Charts: tooltips, labels, and the map on a canvas.

use super::page::{Page, Viewport};
use super::{assert_no_errors, mini, week};
use crate::serve::Server;

#[test]
#[ignore = "needs Chromium: run make test"]
fn lines_and_bars_show_their_values() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    page.hover("#hours svg.chart");
    let tip = page.tooltip();
    assert!(
        tip.contains("Oct 2024, ") && tip.contains("|Events ") && tip.contains("|Unique users "),
        "{tip}"
    );
    page.hover("#view-user-location-distribution .bar");
    assert_eq!(page.tooltip(), "Unique locations: 1|Users 2|Share 33.3%");
    let height = "Number(document.querySelectorAll('#view-user-location-distribution .bar')[1].getAttribute('height'))";
    let before = page.eval(height).as_f64().unwrap();
    page.click("#view-user-location-distribution .choice [data-value=log]");
    assert_ne!(page.eval(height).as_f64().unwrap(), before);
    // in a long tail each bar stands for a range
    let module = page.eval("import('/assets/bars.js').then(m => m.bins([[1, 5], [2, 1], [180, 2]], 40).map(b => [b.from, b.to, b.value]).filter(b => b[2]))");
    assert_eq!(module, serde_json::json!([[1, 5, 6], [176, 180, 2]]));
    // labels do not overlap for any number of bars and any width
    page.eval(
        "import('/assets/bars.js').then(m => { for (const [n, width] of [[30, 300], [180, 500], [900, 320], [7, 1100]]) { \
         const host = document.createElement('div'); host.style.width = width + 'px'; \
         document.querySelector('main').append(host); \
         m.barChart(host, { pairs: Array.from({ length: n }, (_, i) => [i + 1, 12345 * i]), label: n + ' bars', xTitle: 'x', yTitle: 'y' }); } })",
    );
    page.until(
        "document.querySelectorAll('svg[aria-label$=\"bars. Arrow keys read the values.\"]').length === 4",
    );
    assert_eq!(page.eval(super::OVERLAPS), serde_json::json!([]));
    assert_no_errors(&page, &server);
}

/// Number of colours in a sample of the pixels of the canvas.
const COLOURS: &str = "(() => { const c = document.querySelector('#many canvas'); \
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
    const seen = new Set(); for (let i = 0; i < d.length; i += 4 * 97) \
    seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return seen.size; })()";

#[test]
#[ignore = "needs Chromium: run make test"]
fn map_of_many_units_is_drawn_on_a_canvas_with_tooltips() {
    let work = week();
    let server = Server::start(&work);
    let page = Page::open(&server.url, Viewport::WIDE);
    // 4,000 small squares
    let drawn = page.eval(
        "(async () => { const { choropleth } = await import('/assets/map.js'); \
         const laus = []; for (let i = 0; i < 4000; i += 1) { const [x, y] = [(i % 80) * 12, Math.floor(i / 80) * 12]; \
         laus.push({ lau_id: 'X' + i, lau_name: 'Unit ' + i, d: `M${x} ${y}h11v11h-11z` }); } \
         let chosen = null; \
         const map = choropleth({ width: 960, height: 600, laus }, { label: 'Many', describe: i => ({ title: laus[i].lau_name, rows: [] }), select: i => { window.chosen = i; } }); \
         map.node.id = 'many'; document.querySelector('main').prepend(map.node); \
         map.paint(laus.map((_, i) => i % 2 ? 'q6' : 'q0')); return map.canvas; })()",
    );
    assert_eq!(drawn, true);
    page.until(&format!("{COLOURS} > 2"));
    page.hover("#many .map-stage");
    let tip = page.tooltip();
    assert!(tip.starts_with("Unit "), "{tip}");
    page.click("#many .map-stage");
    assert_eq!(format!("Unit {}", page.eval("window.chosen")), tip);
    assert_no_errors(&page, &server);
}
