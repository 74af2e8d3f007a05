//! Reports on a period, with a title and a note, and single charts.

use serde_json::{Value, json};

use crate::harness::{Warehouse, Workspace, expected, test_on_each_warehouse};

/// The data of a report file.
fn data_of(work: &Workspace, file: &str) -> Value {
    let report = work.read(file);
    let start = report.split("id=\"report-data\">").nth(1).unwrap();
    serde_json::from_str(start.split("</script>").next().unwrap()).unwrap()
}

/// The sum of the last column of a table over the rows that contain a text.
fn sum(table: &str, text: &str) -> u64 {
    let rows = table.lines().filter(|line| line.contains(text));
    rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn report_on_a_period_has_its_dates_alone(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.ok(&[
        "report",
        "--from",
        "2024-10-02",
        "--to",
        "2024-10-02",
        "--title",
        "Second day </script>",
        "--note",
        "Preliminary",
        "--output",
        "day.html",
    ]);
    let data = data_of(&work, "day.html");
    assert_eq!(
        (&data["title"], &data["note"]),
        (&json!("Second day </script>"), &json!("Preliminary"))
    );
    let routes = data["routes"].as_object().unwrap();
    let summary = &routes["/summary"];
    assert_eq!(summary["dates"], json!(["2024-10-02"]));
    assert_eq!(summary["period"], json!({ "from": "2024-10-02", "to": "2024-10-02" }));
    assert_eq!(summary["events"], sum(&expected("agg_events_per_hour"), "2024-10-02"));
    assert_eq!(summary["users"], sum(&expected("users_per_day"), "2024-10-02"));
    for (route, column) in [
        ("/number-of-events-per-hour", "hour"),
        ("/users-per-lau", "date"),
        ("/users-per-day", "date"),
    ] {
        let rows = routes[route]["rows"].as_array().unwrap();
        let all_on_the_day =
            rows.iter().all(|row| row[column].as_str().unwrap().starts_with("2024-10-02"));
        assert!(all_on_the_day && !rows.is_empty(), "{route}: {rows:?}");
    }
    // these do not tell dates apart, or are of another one
    let listed: Vec<&str> = routes["/views"]["views"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v["name"].as_str())
        .collect();
    for name in ["user-location-distribution", "users-per-week", "events-per-hour-2024-10-01"] {
        assert!(!routes.contains_key(&format!("/{name}")) && !listed.contains(&name), "{name}");
    }
    assert!(listed.contains(&"users-per-lau-day-night"), "{listed:?}");
    // a date before it is left out, and the snapshot of the first date is in
    work.ok(&["report", "--date", "2024-10-01", "--output", "first.html"]);
    let data = data_of(&work, "first.html");
    assert!(data["routes"].as_object().unwrap().contains_key("/events-per-hour-2024-10-01"));
    assert_eq!(data["title"], Value::Null);
    work.fails(
        &["report", "--from", "2031-01-01", "--output", "none.html"],
        1,
        &["no events of from 2031-01-01", "mobility quality"],
    );
    assert!(!work.path("none.html").exists());
    let backwards = ["report", "--from", "2024-10-02", "--to", "2024-10-01", "--output", "x.html"];
    work.fails(&backwards, 2, &["--from 2024-10-02 is after --to 2024-10-01"]);
}

test_on_each_warehouse!(report_on_a_period_has_its_dates_alone);

#[test]
fn chart_has_a_period_a_title_and_a_note() {
    let work = Workspace::loaded();
    let hours = ["report", "--view", "number-of-events-per-hour", "--output", "hours.svg"];
    work.ok(&hours);
    let whole = work.read("hours.svg");
    assert!(whole.contains("Events per hour") && whole.contains("height=\"560\""), "{whole}");
    let day = ["--date", "2024-10-02", "--note", "Figures of <one> day & no more"];
    work.ok(&[&hours[..], &day].concat());
    let svg = work.read("hours.svg");
    assert!(svg.contains("Events per hour, 2024-10-02"), "{svg}");
    assert!(svg.contains(">Figures of &lt;one&gt; day &amp; no more</text>"), "{svg}");
    assert!(svg.contains("height=\"594\"") && svg.contains("0 0 1100 594"), "{svg}");
    assert_eq!(svg.matches("</svg>").count(), 1);
    work.ok(&[&hours[..], &["--title", "Hours of a day"]].concat());
    let svg = work.read("hours.svg");
    assert!(svg.contains("Hours of a day") && !svg.contains("Events per hour"), "{svg}");
}

#[test]
fn map_per_square_kilometre_divides_by_the_area() {
    let work = Workspace::loaded();
    let map = ["report", "--view", "users-per-lau", "--date", "2024-10-02", "--output", "map.svg"];
    work.ok(&[&map[..], &["--per-km2"]].concat());
    let svg = work.read("map.svg");
    assert!(svg.contains("Users per km²"), "{svg}");
    // 4 users on 100 km² of mainland and an island of 4 km²
    let island = svg.split("Saare vald: ").nth(1).unwrap().split('<').next().unwrap();
    let density: f64 = island.parse().unwrap();
    assert!((0.035..=0.04).contains(&density), "{density}");
    assert!(svg.contains("Tühi vald: 0<"), "{svg}");
    let hours = ["report", "--view", "number-of-events-per-hour", "--output", "x.svg", "--per-km2"];
    work.fails(&hours, 2, &["is not drawn as a map", "leave out --per-km2"]);
    work.fails(&["report", "--output", "x.html", "--per-km2"], 2, &["--view"]);
}

#[test]
fn more_hours_than_a_month_has_are_drawn_by_day() {
    let work = Workspace::synthetic(&[
        "--days", "33", "--events", "2000", "--users", "200", "--cells", "100", "--laus", "8",
    ]);
    work.ok(&["run-all", "--quiet"]);
    for (view, title) in [
        ("number-of-events-per-hour", "Events per day"),
        ("number-of-unique-users-per-hour", "Unique users per day"),
    ] {
        work.ok(&["report", "--view", view, "--output", "days.svg"]);
        assert!(work.read("days.svg").contains(title), "{view}");
        let week = ["report", "--view", view, "--to", "2024-10-07", "--output", "hours.svg"];
        work.ok(&week);
        assert!(work.read("hours.svg").contains("per hour"), "{view}");
    }
}

#[test]
fn charts_are_written_as_png_and_pdf() {
    let work = Workspace::loaded();
    for view in ["number-of-events-per-hour", "user-location-distribution", "users-per-lau"] {
        let file = |ending: &str| format!("{view}.{ending}");
        for ending in ["svg", "png", "pdf"] {
            work.ok(&["report", "--view", view, "--output", &file(ending)]);
        }
        let png = work.read_bytes(&file("png"));
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        // two pixels for each unit of the SVG
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let svg = work.read(&file("svg"));
        let unit = |name: &str| {
            let value =
                svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
            value.parse::<f32>().unwrap()
        };
        assert_eq!(
            (size(16), size(20)),
            ((unit("width") * 2.0) as u32, (unit("height") * 2.0) as u32)
        );
        let pdf = work.read_bytes(&file("pdf"));
        assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
        let has = |word: &[u8]| pdf.windows(word.len()).any(|bytes| bytes == word);
        // text stays text, in the font of the program
        assert!(has(b"/FontFile") && has(b"Ubuntu"), "{view}");
        work.ok(&["report", "--view", view, "--format", "png", "--output", "again"]);
        assert!(work.read_bytes("again") == png, "{view} is not reproducible");
    }
    work.fails(&["report", "--output", "x.pdf"], 2, &["the whole dashboard", ".html"]);
    let html = ["report", "--view", "users-per-lau", "--output", "x.html"];
    work.fails(&html, 2, &["SVG, PNG or PDF"]);
}
