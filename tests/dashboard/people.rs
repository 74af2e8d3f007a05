//! The page about people, over the world of the tests of estimates: 18 devices live in Aa, 11 of which work in Ef;
//! on 2 November some of them are in Ef.

use serde_json::json;

use super::assert_no_errors;
use super::page::{Page, Viewport};
use crate::harness::{Warehouse, Workspace};
use crate::insights::estimates::world;
use crate::serve::Server;

fn address(server: &Server) -> String {
    format!("{}/people", server.url.trim_end_matches('/'))
}

/// Rows of the table of a card that is shown, as `key:cell|cell`.
fn table(page: &Page, card: &str) -> String {
    page.text(&format!(
        "[...document.querySelectorAll('#{card} .table-box:not([hidden]) tbody tr[data-key]')].map(r => \
         r.dataset.key + ':' + [...r.children].slice(1).map(c => c.textContent).join('|')).join(' ')"
    ))
}

/// Lines on the map of a card, as `from>to:value kind`.
fn lines(page: &Page, card: &str) -> String {
    page.text(&format!(
        "[...document.querySelectorAll('#{card} path.flow')].map(p => `${{p.dataset.from}}>${{p.dataset.to}}:\
         ${{p.dataset.value}} ${{p.getAttribute('class').split(' ')[1]}}`).join(' ')"
    ))
}

fn about(page: &Page, card: &str) -> String {
    page.text_of(&format!("#{card} .coverage"))
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn small_world_is_shown_as_worked_out_by_hand() {
    let work = world().load(Warehouse::Embedded, "");
    let server = Server::start(&work);
    residents_workers_and_windows_are_those_of_the_data(&server);
    present_devices_follow_hour_role_and_unit(&server);
    commuters_and_overnight_visitors_are_lines(&server);
    report_file_shows_the_same_page(&work, &server);
    views_without_a_chart_are_drawn_by_their_columns(&work);
}

fn residents_workers_and_windows_are_those_of_the_data(server: &Server) {
    let page = Page::open(&address(server), Viewport::WIDE);
    assert_eq!(page.text_of("h1"), "Where people live, work and are");
    let windows = "[...document.querySelectorAll('#window option')].map(o => o.textContent)";
    assert_eq!(page.eval(windows), json!(["November 2024 (not complete)", "October 2024"]));
    assert_eq!(page.text("document.getElementById('window').value"), "2024-10-01");
    assert_eq!(
        table(&page, "residents"),
        "EE_A:18|0|54|3 EE_D:17|0|–|no population EE_B:16|0|8|1 EE_E:16|0|1,601|weight over 100 \
         EE_C:5|0|100|fewer than 16 devices EE_F:0|11|10|fewer than 16 devices"
    );
    let text = about(&page, "residents");
    // 34 of the 72 devices with a home are in Aa and Bee
    assert!(
        text.starts_with("72 devices with a home, 11 with a work place, in October 2024."),
        "{text}"
    );
    assert!(
        text.contains("Weights cover 47.2%") && text.contains("2 LAUs (fewer than 16 devices)"),
        "{text}"
    );
    page.hover("#residents .units path[data-id=EE_A]");
    assert_eq!(page.tooltip(), "Aa|Residents 18|Workers 0|Population 54|Weight 3");
    page.click("#residents .choice [data-value=workers]");
    assert_eq!(page.text_of("#residents .legend-title"), "Workers, devices");
    assert_eq!(page.eval("document.querySelector('.notes').hidden"), true);
    page.eval(
        "(() => { const s = document.getElementById('window'); s.value = '2024-11-01'; \
         s.dispatchEvent(new Event('change')); })()",
    );
    page.until("document.querySelector('#residents').dataset.window === '2024-11-01'");
    let notes = page.text_of(".notes");
    assert!(
        notes.contains("November 2024 is not complete: there are events of 1 of its 30 dates"),
        "{notes}"
    );
    assert!(
        notes.contains("has no homes: a home needs 10 nights, and there are night places on 1"),
        "{notes}"
    );
    page.until("document.querySelector('#commuters').dataset.day === '2024-11-01'");
    assert!(about(&page, "commuters").contains("has no homes"), "{}", about(&page, "commuters"));
    assert_eq!(page.text("location.hash"), "#window=2024-11-01");
    assert_no_errors(&page, server);
}

fn present_devices_follow_hour_role_and_unit(server: &Server) {
    let page = Page::open(&address(server), Viewport::WIDE);
    let card = "document.querySelector('#present').dataset";
    assert_eq!(page.text(&format!("{card}.date + ' ' + {card}.hour")), "2024-11-02 12");
    // devices, residents, workers, visitors, without a home
    let ef = |page: &Page| {
        let rows = table(page, "present");
        rows.split(" EE")
            .map(|row| row.trim_start_matches("EE").to_owned())
            .find(|row| row.starts_with("_F"))
            .unwrap()
    };
    assert_eq!(ef(&page), "_F:14|0|11|2|1");
    let text = about(&page, "present");
    assert!(text.starts_with("At 12:00, 15 of the "), "{text}");
    page.click("#present .choice [data-value=worker]");
    page.until("document.querySelector('#present').dataset.role === 'worker'");
    page.hover("#present .units path[data-id=EE_F]");
    assert_eq!(page.tooltip(), "Ef|Devices 14|Residents 0|Workers 11|Visitors 2|No home 1");
    assert_eq!(page.text_of("#present .legend-title"), "Workers, devices at 12:00");
    // six hours later, by keyboard
    page.eval("document.querySelector('#present .hours input').focus()");
    for _ in 0..6 {
        page.key("ArrowRight");
    }
    page.until("document.querySelector('#present').dataset.hour === '18'");
    assert_eq!(ef(&page), "_F:5|0|2|3|0");
    // playing goes on from the first hour after the last one
    page.key("End");
    page.until("document.querySelector('#present').dataset.hour === '23'");
    page.click("#present .play");
    page.until("document.querySelector('#present').dataset.hour === '1'");
    assert_eq!(
        page.text("document.querySelector('#present .play').getAttribute('aria-label')"),
        "Pause"
    );
    page.click("#present .play");
    page.eval("document.querySelector('#present .hours input').focus()");
    page.key("Home");
    for _ in 0..12 {
        page.key("ArrowRight");
    }
    page.until("document.querySelector('#present').dataset.hour === '12'");
    // people: 11 devices of weight 3, 84.62 % covered; in Bee one device of weight 1, without an interval
    page.click("#choices [data-value=people]");
    page.until("document.querySelector('#present').dataset.unit === 'people'");
    assert_eq!(ef(&page), "_F:33|17.1–48.9|84.6%");
    assert!(
        table(&page, "present").contains("EE_B:1|no interval|100%"),
        "{}",
        table(&page, "present")
    );
    page.eval("document.querySelector('#present .hours input').focus()");
    for _ in 0..3 {
        page.key("ArrowRight");
    }
    page.until("document.querySelector('#present').dataset.hour === '15'");
    assert_eq!(ef(&page), "_F:none|–|78.6%");
    page.hover("#present .units path[data-id=EE_F]");
    assert_eq!(page.tooltip(), "Ef|People no estimate|Interval no interval|Coverage 78.6%");
    let why = page.text("document.querySelector('.tooltip-note').textContent");
    assert_eq!(why, "weights cover 78.6% of the devices with a home, and 80% are needed");
    // the day of one LAU
    page.click("#present .units path[data-id=EE_F]");
    page.until("document.querySelector('#present .detail').dataset.lau === 'EE_F'");
    page.until("document.querySelectorAll('#present .detail svg.chart .line').length === 4");
    assert_no_errors(&page, server);
}

fn commuters_and_overnight_visitors_are_lines(server: &Server) {
    let page = Page::open(&address(server), Viewport::WIDE);
    assert_eq!(lines(&page, "commuters"), "EE_A>EE_F:11 any");
    let sums = table(&page, "commuters");
    assert!(sums.contains("EE_F:11|0|0") && sums.contains("EE_A:0|11|0"), "{sums}");
    assert_eq!(lines(&page, "overnight"), "EE_A>EE_F:11 any EE_B>EE_F:3 any EE_C>EE_F:2 any");
    assert_eq!(page.text("document.querySelector('#overnight').dataset.day"), "2024-11-02");
    // visitors, away, at home, without a home
    let sums = table(&page, "overnight");
    assert!(sums.contains("EE_F:16|0|0|1"), "{sums}");
    page.click("#overnight .units path[data-id=EE_F]");
    page.until("document.querySelector('#overnight').dataset.lau === 'EE_F'");
    assert_eq!(lines(&page, "overnight"), "EE_A>EE_F:11 in EE_B>EE_F:3 in EE_C>EE_F:2 in");
    assert_eq!(table(&page, "overnight"), "EE_A:11|– EE_B:3|– EE_C:2|– :1|–");
    page.until("document.querySelector('#commuters').dataset.lau === 'EE_F'");
    assert_eq!(table(&page, "commuters"), "EE_A:11|–");
    // in people: an interval, none with more devices than inhabitants, and no weight
    page.click("#choices [data-value=people]");
    page.until("document.querySelector('#overnight').dataset.unit === 'people'");
    assert_eq!(lines(&page, "overnight"), "EE_A>EE_F:33 in EE_B>EE_F:3 in");
    assert_eq!(
        table(&page, "overnight"),
        "EE_A:3317.1–48.9|–|100% EE_B:3no interval|–|100% :no weight|–|0% EE_C:no weight|–|0%"
    );
    let text = about(&page, "overnight");
    // 14 of the 16 devices with a home
    assert!(
        text.contains("Weights cover 87.5%") && text.contains("1 line without an estimate"),
        "{text}"
    );
    page.until("document.querySelector('#commuters').dataset.unit === 'people'");
    assert_eq!(lines(&page, "commuters"), "EE_A>EE_F:33 in");
    assert_eq!(table(&page, "commuters"), "EE_A:3317.1–48.9|–|100%");
    page.until("document.querySelector('#present').dataset.unit === 'people'");
    // the address leads to the same
    let hash = page.text("location.hash");
    assert!(hash.contains("unit=people") && hash.contains("lau=EE_F"), "{hash}");
    page.screenshot("people-small-world");
    assert_no_errors(&page, server);
}

fn report_file_shows_the_same_page(work: &Workspace, server: &Server) {
    work.ok(&["report", "--people", "--title", "Our <people>", "--output", "people.html"]);
    let file = work.read("people.html");
    assert!(!file.contains("without_home"), "the report tells of a user");
    let url = format!("file://{}#unit=people&lau=EE_F", work.path("people.html").display());
    let page = Page::open(&url, Viewport::WIDE);
    let live = Page::open(&format!("{}#unit=people&lau=EE_F", address(server)), Viewport::WIDE);
    assert_eq!(page.text_of("h1"), "Our <people>");
    for card in ["residents", "present", "commuters", "overnight"] {
        assert_eq!(table(&page, card), table(&live, card), "{card}");
        assert_eq!(about(&page, card), about(&live, card), "{card}");
        assert_eq!(lines(&page, card), lines(&live, card), "{card}");
    }
    assert_eq!(lines(&page, "overnight"), "EE_A>EE_F:33 in EE_B>EE_F:3 in");
    assert_eq!(page.eval("document.querySelectorAll('.card-links, .server').length"), 0);
    assert_eq!(page.errors(), [""; 0]);
    // only the dates of a period
    work.ok(&["report", "--people", "--to", "2024-10-05", "--output", "days.html"]);
    let days = work.read("days.html");
    assert!(days.contains("/people/present?date=2024-10-05") && !days.contains("date=2024-10-06"));
    work.fails(
        &["report", "--people", "--view", "commuters", "--output", "x.html"],
        2,
        &["--view"],
    );
}

fn views_without_a_chart_are_drawn_by_their_columns(work: &Workspace) {
    let svg = |view: &str, more: &[&str]| {
        work.ok(&[&["report", "--view", view, "--output", "chart.svg"], more].concat());
        work.read("chart.svg")
    };
    let commuters = svg("commuters", &[]);
    assert!(commuters.contains("Commuters between LAUs, window from 2024-10-01<"), "{commuters}");
    assert!(commuters.contains("<title>Aa to Ef: 11</title>"), "{commuters}");
    assert!(svg("commuters-estimate", &[]).contains("<title>Aa to Ef: 33</title>"));
    let overnight = svg("overnight-stays", &[]);
    assert!(
        overnight.contains("Overnight stays, 2024-11-02<") && overnight.contains("Cee to Ef: 2<")
    );
    // the widest line first
    assert!(overnight.find("Aa to Ef: 11<") < overnight.find("Bee to Ef: 3<"), "{overnight}");
    let residents = svg("residents-per-lau", &[]);
    assert!(
        residents.contains("window from 2024-10-01<")
            && residents.contains("<title>Aa: 18</title>")
    );
    let november = svg("residents-per-lau", &["--from", "2024-11-01"]);
    assert!(
        november.contains("window from 2024-11-01 (not complete)<") && november.contains("Aa: 0<")
    );
    let present = svg("present-per-lau", &["--date", "2024-11-02"]);
    assert!(
        present.contains("<title>Ef, 12:00: 14</title>") && present.contains(">16:00</text>"),
        "{present}"
    );
    work.ok(&["report", "--view", "present-estimate", "--output", "chart.png"]);
    work.fails(
        &["report", "--view", "commuters", "--date", "2024-10-05", "--output", "x.svg"],
        1,
        &["no rows to draw"],
    );
    work.fails(&["report", "--view", "anchor-windows", "--output", "x.svg"], 2, &["has no chart"]);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn page_says_why_there_are_no_homes_and_no_estimates() {
    let work = Workspace::mini();
    work.add_views_about_people();
    work.ok(&["run-all"]);
    let server = Server::start(&work);
    let page = Page::open(&address(&server), Viewport::WIDE);
    let notes = page.text_of(".notes");
    assert!(
        notes.contains("October 2024 is not complete: there are events of 2 of its 31 dates"),
        "{notes}"
    );
    assert!(notes.contains("a home needs 10 nights"), "{notes}");
    let text = about(&page, "residents");
    assert!(text.contains("No device has a home or a work place"), "{text}");
    assert_eq!(lines(&page, "commuters"), "");
    page.click("#choices [data-value=people]");
    page.until("document.querySelector('#present').dataset.unit === 'people'");
    let notes = page.text_of(".notes");
    assert!(notes.contains("no LAU has a population"), "{notes}");
    assert_no_errors(&page, &server);
    // the first page has none of these views
    page.go(&server.url);
    let cards = page.text("[...document.querySelectorAll('.card[id]')].map(c => c.id).join(' ')");
    for card in ["view-residents-per-lau", "view-present-coverage", "view-devices-per-date"] {
        assert!(!cards.contains(card), "{card} is drawn: {cards}");
    }
    let asked = page.requests().into_iter().filter(|url| url.contains("/present-coverage"));
    assert_eq!(asked.count(), 0, "{:?}", page.requests());
    assert!(cards.contains("hours places daynight"), "{cards}");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn page_without_the_views_names_them() {
    let work = Workspace::loaded();
    let server = Server::start(&work);
    let page = Page::open(&address(&server), Viewport::WIDE);
    let text = page.text_of("#nothing");
    assert!(text.contains("residents_per_lau") && text.contains("views.builtin"), "{text}");
    assert_no_errors(&page, &server);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn people_of_79_units_fit_both_themes_and_two_widths() {
    let work = Workspace::synthetic(&["--people", "400", "--cells", "300", "--days", "12"]);
    // ten nights of twelve days, and weights of few devices
    work.config(
        "[anchors]\nwindow = 14\nmin_nights = 5\nwork_min_days = 4\n[weights]\nmin_devices = 4\n",
    );
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
        assert_eq!(page.eval("document.querySelectorAll('#present .units path').length"), 79);
        assert_eq!(page.eval(super::OVERLAPS), json!([]), "labels overlap at {name}");
        assert_eq!(page.eval(super::BLOCKING), json!([]), "{name}");
        // no request has more than one date
        let asked = page.requests().into_iter().filter(|url| url.contains("/people/")).count();
        assert_eq!(asked, 5, "{:?}", page.requests());
        page.screenshot(&format!("people-{name}"));
        page.click("#choices [data-value=people]");
        page.until("document.querySelector('#present').dataset.unit === 'people'");
        page.click("#commuters tr[data-key]");
        page.until("document.querySelector('#commuters').dataset.lau !== ''");
        page.until("document.querySelector('#commuters').dataset.unit === 'people'");
        assert_eq!(page.eval("document.documentElement.scrollWidth - innerWidth"), 0, "{name}");
        page.screenshot(&format!("people-estimates-{name}"));
        assert_no_errors(&page, &server);
    }
}
