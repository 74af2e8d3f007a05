//! Map, table, slider, and the charts of one unit.

use serde_json::json;

use super::page::{Page, Viewport};
use super::{assert_no_errors, mini};

const ISLAND: &str = "#places .units path[data-id=EE_0003]";

fn shades(page: &Page) -> String {
    page.text(
        "[...document.querySelectorAll('#places .units path')].map(p => p.dataset.id + '=' + \
         p.getAttribute('class')).join(' ')",
    )
}

fn legend(page: &Page) -> String {
    page.text(
        "[...document.querySelectorAll('#places .legend .key')].map(k => k.textContent).join('|')",
    )
}

fn column(page: &Page, n: usize) -> String {
    page.text(&format!(
        "[...document.querySelectorAll('#places tbody tr[data-key]')].map(r => r.dataset.key + ':' + \
         r.children[{n}].textContent).join(' ')"
    ))
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn map_follows_pointer_metric_and_day() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    // the last day is shown first: 4 users on the island, 3 by day, 1 by night
    page.hover(ISLAND);
    assert_eq!(page.tooltip(), "Saare vald|All day 4|Day 3|Night 1|Night − day −2");
    assert_eq!(page.text_of("#places tr.hot .lau"), "Saare valdEE_0003");
    assert_eq!(legend(&page), "No users|1|2–3|4+");
    assert_eq!(shades(&page), "EE_0001=q-none EE_0002=q0 EE_0003=q6 EE_0004=q-none");
    // one day back: 2 users in each of three units
    page.click("#places .slider .step");
    page.until("document.querySelector('#places').dataset.date === '2024-10-01'");
    assert_eq!(page.text_of(".day-text"), "Tue 1 Oct 2024");
    assert_eq!(shades(&page), "EE_0001=q3 EE_0002=q3 EE_0003=q3 EE_0004=q-none");
    page.hover(ISLAND);
    assert_eq!(page.tooltip(), "Saare vald|All day 2|Day 1|Night 1|Night − day 0");
    page.click("#places .choice [data-value=change]");
    assert_eq!(page.text_of("#places .legend-title"), "Users, night minus day");
    assert_eq!(legend(&page), "−2 and less|−1|0|+1|+2 and more");
    assert_eq!(shades(&page), "EE_0001=dm3 EE_0002=d0 EE_0003=d0 EE_0004=d0");
    page.click("#places .choice [data-value=night]");
    assert_eq!(legend(&page), "No users|1|2+");
    assert_eq!(page.text("location.hash"), "#date=2024-10-01&metric=night");
    // zoom in, and back to the whole map
    let view =
        || page.text("document.querySelector('#places .map-shapes').getAttribute('viewBox')");
    let whole = view();
    page.click("#places .zoom button[title='Zoom in']");
    assert_ne!(view(), whole);
    page.click("#places .zoom button[title='Whole map']");
    assert_eq!(view(), whole);
    // move the slider with the keyboard
    page.eval("document.querySelector('#places input[type=range]').focus()");
    page.key("ArrowRight");
    page.until("document.querySelector('#places').dataset.date === '2024-10-02'");
    assert_eq!(page.text_of(".day-text"), "Wed 2 Oct 2024");
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn click_opens_the_charts_of_a_unit() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    page.click(ISLAND);
    page.until("document.querySelectorAll('.detail svg.chart').length === 2");
    assert_eq!(page.text_of(".detail h3"), "Saare vald");
    let figures = "[...document.querySelectorAll('.detail .figure b')].map(b => b.textContent)";
    assert_eq!(page.eval(figures), json!(["4", "3", "1"]));
    assert_eq!(page.text_of("#places tr.selected .lau"), "Saare valdEE_0003");
    assert!(page.text("location.hash").contains("lau=EE_0003"));
    page.hover(".detail-chart svg.chart .point.c-all");
    assert_eq!(page.tooltip(), "Tue 1 Oct 2024|All day 2|Day 1|Night 1");
    page.screenshot("mini-lau");
    // select another unit in the table; a second click closes it
    page.click("#places tr[data-key=EE_0002]");
    page.until("document.querySelector('.detail h3')?.textContent === 'Maa, \"vald\"'");
    page.click("#places tr[data-key=EE_0002]");
    page.until("document.querySelector('.detail .hint')");
    // select a unit in the chart of day and night
    page.click("#daynight .row[aria-label^=Saare]");
    page.until("document.querySelector('.detail h3')?.textContent === 'Saare vald'");
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn table_sorts_searches_and_highlights_the_map() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    assert_eq!(column(&page, 1), "EE_0003:4 EE_0002:1 EE_0001:0 EE_0004:0");
    page.click("#places th[data-key=name] button");
    let sorted = page.text("document.querySelector('#places th[aria-sort]').dataset.key");
    assert_eq!(sorted, "name");
    assert_eq!(column(&page, 1), "EE_0002:1 EE_0001:0 EE_0003:4 EE_0004:0");
    page.click("#places th[data-key=change] button");
    assert_eq!(column(&page, 4), "EE_0002:+1 EE_0001:0 EE_0004:0 EE_0003:−2");
    page.click("#places th[data-key=change] button");
    assert_eq!(column(&page, 4), "EE_0003:−2 EE_0001:0 EE_0004:0 EE_0002:+1");
    page.hover("#places tr[data-key=EE_0001]");
    let outline = page.text("document.querySelector('#places .outline.hot').getAttribute('d')");
    let own = page.text("document.querySelector('#places [data-id=EE_0001]').getAttribute('d')");
    assert_eq!(outline, own);
    page.click("#places input[type=search]");
    page.type_text("saare");
    assert_eq!(column(&page, 1), "EE_0003:4");
    assert_eq!(page.text_of("#places .table-count"), "1 of 4");
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn everything_can_be_reached_by_keyboard() {
    let (_work, server) = mini();
    let page = Page::open(&server.url, Viewport::WIDE);
    let focus =
        |selector: &str| page.eval(&format!("document.querySelector('{selector}').focus()"));
    let announced = || page.text_of("[role=status].visually-hidden");
    focus("#hours svg.chart");
    page.key("End");
    assert_eq!(announced(), "Wed 2 Oct 2024, 23:00–00:00: Events 1, Unique users 1");
    page.key("Home");
    page.key("ArrowRight");
    assert_eq!(announced(), "Tue 1 Oct 2024, 04:00–05:00: Events 0, Unique users 0");
    focus("#places .map-stage");
    page.key("ArrowRight");
    let first = announced();
    assert!(first.contains("All day"), "{first}");
    page.key("ArrowRight");
    assert_ne!(announced(), first, "the arrow goes to another LAU");
    page.key("Enter");
    page.until("document.querySelector('.detail h3')");
    // the table is one tab stop, with arrow keys inside
    let stops = "document.querySelectorAll('#places tbody tr[tabindex=\"0\"]').length";
    assert_eq!(page.eval(stops), 1);
    focus("#places tbody tr[tabindex=\"0\"]");
    let row = || page.text("document.activeElement.dataset.key");
    let before = row();
    page.key("ArrowDown");
    page.key("ArrowUp");
    page.key("ArrowDown");
    assert_ne!(row(), before);
    page.key("Enter");
    page.until(&format!("document.querySelector('.detail').dataset.lau === '{}'", row()));
    focus("#view-user-location-distribution svg.chart");
    page.key("End");
    assert_eq!(announced(), "Unique locations 3: Users 3, Share 50.0%");
    // Tab reaches all controls, and the focus is visible
    page.eval("document.activeElement.blur()");
    for _ in 0..60 {
        page.key("Tab");
        let seen = "(() => { const e = document.activeElement; return e === document.body || \
                    getComputedStyle(e).outlineStyle !== 'none'; })()";
        assert_eq!(page.eval(seen), true, "{}", page.text("document.activeElement.outerHTML"));
    }
    assert_no_errors(&page, &server);
}
