//! The dashboard as the public sees it: hatched areas, gaps, and pages that say why they are empty.

use serde_json::json;

use super::page::{Page, Viewport};
use super::{OVERLAPS, assert_no_errors, tile, week};
use crate::harness::Workspace;
use crate::public::store::{Release, publish};
use crate::serve::Server;

/// A week of 79 LAUs of which small numbers are withheld.
fn released() -> Workspace {
    let work = week();
    publish(
        &work,
        16,
        &[
            Release {
                view: "agg_users_per_lau_per_day",
                measures: &["user_count"],
                is_complete: false,
            },
            Release {
                view: "view_users_per_lau_day_night",
                measures: &["day_users", "night_users"],
                is_complete: true,
            },
            Release { view: "users_per_day", measures: &["user_count"], is_complete: false },
            Release {
                view: "agg_unique_users_per_hour",
                measures: &["unique_user_count"],
                is_complete: false,
            },
        ],
    );
    work
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn withheld_areas_are_hatched_and_the_legend_says_so_in_both_themes() {
    let work = released();
    let server = Server::start_with(&work, &["--audience", "public"]);
    for (name, width, dark) in
        [("1280-light", 1_280, false), ("1280-dark", 1_280, true), ("390-light", 390, false)]
    {
        let page = Page::open(&server.url, Viewport { width, dark });
        assert_eq!(tile(&page, "least"), "16");
        assert_eq!((tile(&page, "views"), tile(&page, "days")), ("4".to_owned(), "7".to_owned()));
        let maps = ["#view-users-per-lau", "#view-users-per-lau-day-night"];
        for (map, words) in maps.iter().zip(["None or withheld", "Withheld"]) {
            let hatched = format!("document.querySelectorAll('{map} .units path.q-withheld')");
            let count = page.eval(&format!("{hatched}.length")).as_u64().unwrap();
            assert!((1..79).contains(&count), "{map}: {count} of 79 are hatched");
            let fill = page.text(&format!("getComputedStyle({hatched}[0]).fill"));
            assert!(fill.starts_with("url(\"#withheld-"), "{fill}");
            let id = fill.split('#').nth(1).unwrap().split('"').next().unwrap();
            assert_eq!(
                page.eval(&format!("document.querySelector('#{id} .hatch-line') !== null")),
                json!(true)
            );
            let key = page.text_of(&format!("{map} .legend .key:last-child"));
            assert_eq!(key, words);
            // the pattern differs from its ground and follows the theme
            let colour = |class: &str| {
                page.text(&format!(
                    "getComputedStyle(document.querySelector('#{id} {class}')).fill"
                ))
            };
            assert_ne!(colour(".hatch-line"), colour(".hatch-ground"));
            let ground = if dark { "rgb(24, 33, 44)" } else { "rgb(255, 255, 255)" };
            assert_eq!(colour(".hatch-ground"), ground);
        }
        assert!(page.text("[...document.querySelectorAll('.data .withheld')].map(e => e.textContent).join(' ')")
            .split(' ').all(|word| word.is_empty() || word == "suppressed"));
        for gone in ["#places", "#daynight", "#hours", "#locked", ".exact"] {
            assert_eq!(
                page.eval(&format!("document.querySelector('{gone}')")),
                json!(null),
                "{gone}"
            );
        }
        assert_eq!(page.eval("document.documentElement.scrollWidth - innerWidth"), json!(0));
        assert_eq!(page.eval(OVERLAPS), json!([]));
        assert_no_errors(&page, &server);
        page.screenshot(&format!("public-{name}"));
        page.hover("#view-users-per-lau-day-night .units path.q-withheld");
        assert!(page.tooltip().contains("Withheld"), "{}", page.tooltip());
    }
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn large_maps_are_hatched_on_a_canvas() {
    let work = released();
    let server = Server::start_with(&work, &["--audience", "public"]);
    let page = Page::open(&server.url, Viewport::WIDE);
    // the same outlines on a canvas; stripes leave two colours in a hatched shape
    let colours = page.eval(
        "(async () => { const { choropleth } = await import('/assets/map.js'); \
         const outlines = await (await fetch('/map')).json(); \
         const map = choropleth(outlines, { label: 'x', describe: () => ({}), maxSvgShapes: 1 }); \
         const host = document.createElement('div'); host.style.width = '800px'; \
         document.body.prepend(host); host.append(map.node); \
         map.paint(outlines.laus.map(() => 'q-withheld')); \
         await new Promise(done => setTimeout(done, 300)); \
         const canvas = host.querySelector('canvas'); \
         const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
         const seen = new Map(); \
         for (let i = 0; i < data.length; i += 4) { if (data[i + 3] < 255) continue; \
           const c = [data[i], data[i + 1], data[i + 2]].join(); seen.set(c, (seen.get(c) ?? 0) + 1); } \
         return [...seen].sort((a, b) => b[1] - a[1]).slice(0, 2).map(s => s[0]).sort(); })()",
    );
    let grey: Vec<i32> =
        colours[0].as_str().unwrap().split(',').map(|part| part.parse().unwrap()).collect();
    // of #9aa5b1, smoothed at the edges of the stripes
    assert!(grey.iter().zip([154, 165, 177]).all(|(a, b)| (a - b).abs() < 40), "{colours}");
    assert_eq!(colours[1], "255,255,255");
    page.screenshot("public-canvas");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn pages_for_analysts_say_so_and_an_empty_store_says_what_to_run() {
    let work = released();
    let server = Server::start_with(&work, &["--audience", "public"]);
    for path in ["/people", "/movement"] {
        let page = Page::open(&format!("{}{path}", server.url), Viewport::WIDE);
        assert!(page.text_of("#nothing").contains("for analysts alone"), "{path}");
        assert_eq!(page.eval("document.querySelector('.exact')"), json!(null));
        assert_no_errors(&page, &server);
    }
    drop(server);
    work.remove("data/published");
    let server = Server::start_with(&work, &["--audience", "public"]);
    let page = Page::open(&server.url, Viewport::WIDE);
    let text = page.text_of(".message.empty");
    assert!(
        text.contains("Nothing has been published yet") && text.contains("mobility publish"),
        "{text}"
    );
    page.screenshot("public-empty");
}

#[test]
#[ignore = "needs Chromium: run make test"]
fn report_for_the_public_is_hatched_as_well() {
    let work = released();
    work.ok(&["report", "--audience", "public", "--output", "report.html"]);
    let page =
        Page::open(&format!("file://{}", work.path("report.html").display()), Viewport::WIDE);
    let hatched =
        "document.querySelectorAll('#view-users-per-lau-day-night .units path.q-withheld').length";
    assert!(page.eval(hatched).as_u64().unwrap() > 0);
    assert_eq!(tile(&page, "least"), "16");
    assert_eq!(page.errors(), [""; 0]);
    page.screenshot("public-report");
}
