//! `mobility report`: the dashboard as one file.

use serde_json::Value;

use super::assert_tiles_of_mini_data;
use super::page::{Page, Viewport};
use crate::harness::{Warehouse, Workspace, names_a_user, root};
use crate::serve::Server;

#[test]
#[ignore = "needs Chromium: run make test"]
fn report_file_shows_the_same_numbers_as_the_dashboard() {
    let work = Workspace::loaded();
    work.ok(&["report", "--output", "out/report.html"]);
    let file = work.read("out/report.html");
    assert!(!names_a_user(&file), "the report tells of a user");
    let url = format!("file://{}", work.path("out/report.html").display());
    let page = Page::open(&url, Viewport::WIDE);
    let server = Server::start(&work);
    let live = Page::open(&server.url, Viewport::WIDE);
    assert_tiles_of_mini_data(&page);
    assert_tiles_of_mini_data(&live);
    let charts = "document.querySelectorAll('svg.chart, svg.map-shapes').length";
    assert_eq!(page.eval(charts), live.eval(charts));
    page.hover("#places .units path[data-id=EE_0003]");
    assert_eq!(page.tooltip(), "Saare vald|All day 4|Day 3|Night 1|Night − day −2");
    page.click("#places .units path[data-id=EE_0003]");
    page.until("document.querySelectorAll('.detail svg.chart').length === 2");
    assert_eq!(page.eval("document.querySelectorAll('.card-links').length"), 0);
    assert_eq!(page.errors(), [""; 0]);
    for address in page.requests() {
        assert!(address == url || address.starts_with("data:"), "asked {address}");
    }
    page.screenshot("report");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn both_warehouses_give_the_same_report() {
    let data = |work: &Workspace| -> Value {
        work.ok(&["report", "--output", "report.html"]);
        let file = work.read("report.html");
        let start = file.split("id=\"report-data\">").nth(1).unwrap();
        let mut data: Value =
            serde_json::from_str(start.split("</script>").next().unwrap()).unwrap();
        // these two depend on the load
        for key in ["loaded_at", "version"] {
            data["routes"]["/summary"][key] = Value::Null;
        }
        data
    };
    let [embedded, postgis] = [Warehouse::Embedded, Warehouse::Postgis].map(Warehouse::loaded);
    let embedded = data(&embedded);
    assert_eq!(embedded, data(&postgis));
    let routes: Vec<&String> = embedded["routes"].as_object().unwrap().keys().collect();
    assert_eq!(routes.len(), 3 + 11, "{routes:?}");
}

#[test]
fn report_without_data_or_output_is_rejected() {
    let work = Workspace::mini();
    work.fails(&["report", "--output", "r.html"], 1, &["no data yet", "mobility run-all"]);
    assert!(!work.path("r.html").exists());
    work.fails(&["report"], 2, &["--output"]);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn single_charts_are_written_as_svg() {
    let work = Workspace::loaded();
    let shots = root().join("target/screenshots");
    std::fs::create_dir_all(&shots).unwrap();
    for (view, words) in [
        ("number-of-events-per-hour", "Events per hour"),
        ("user-location-distribution", "Unique locations"),
        ("users-per-lau-day-night", "Saare vald: 3"),
    ] {
        let file = format!("{view}.svg");
        work.ok(&["report", "--view", view, "--output", &file]);
        let svg = work.read(&file);
        assert!(svg.starts_with("<svg") && svg.contains(words), "{svg}");
        let page = Page::blank(Viewport::WIDE);
        page.call(
            "Page.navigate",
            serde_json::json!({ "url": format!("file://{}", work.path(&file).display()) }),
        );
        page.until("document.documentElement.tagName === 'svg' && document.querySelector('text')");
        std::fs::write(shots.join(&file), svg).unwrap();
    }
    work.ok(&["report", "--view", "users-per-lau", "--date", "2024-10-01", "--output", "a.svg"]);
    assert!(work.read("a.svg").contains("Õis linn: 2"));
    let single = ["report", "--view", "number-of-unique-cells-per-user", "--output", "x.svg"];
    work.fails(&single, 2, &["single users"]);
    work.fails(&["report", "--view", "users-per-lau", "--output", "x.jpg"], 2, &[".svg"]);
    work.fails(&["report", "--view", "users-per-la", "--output", "x.svg"], 2, &["users-per-lau"]);
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn report_shows_its_title_its_note_and_days_in_place_of_many_hours() {
    let work = Workspace::synthetic(&[
        "--days", "33", "--events", "2000", "--users", "200", "--cells", "100", "--laus", "8",
    ]);
    work.ok(&["run-all", "--quiet"]);
    let title = "Autumn <b>2024</b>";
    work.ok(&["report", "--title", title, "--note", "A note", "--output", "report.html"]);
    let url = format!("file://{}", work.path("report.html").display());
    let page = Page::open(&url, Viewport::WIDE);
    assert_eq!(page.text_of("#period"), title);
    let notes = page
        .text("[...document.querySelectorAll('.title .note')].map(n => n.textContent).join('|')");
    assert!(notes.ends_with("|A note") && notes.contains("2024"), "{notes}");
    page.until("document.querySelector('#hours').dataset.by === 'day'");
    let text = page.text_of("#hours svg.chart");
    assert!(text.contains("Events per day") && text.contains("Unique users per day"), "{text}");
    // users per square kilometre are a choice of the map
    page.eval("[...document.querySelectorAll('#places button')].find(b => b.textContent === 'Per km²').click()");
    page.until("document.querySelector('#places').dataset.metric === 'density'");
    assert_eq!(page.text_of("#places .legend-title"), "Users per km²");
    assert_eq!(page.errors(), [""; 0]);
    page.screenshot("report-by-day");
    // a week has few enough hours
    work.ok(&["report", "--to", "2024-10-07", "--output", "week.html"]);
    let url = format!("file://{}", work.path("week.html").display());
    let page = Page::open(&url, Viewport::WIDE);
    assert!(page.text_of("#hours svg.chart").contains("per hour"));
    assert_eq!(page.text_of("#period"), "1–7 October 2024");
    assert_eq!(page.errors(), [""; 0]);
}
