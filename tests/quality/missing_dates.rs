//! Dates of which no events have arrived.

use chrono::{Days, Local};
use serde_json::{Value, json};

use super::write_day;
use crate::checks::{DAY, HOUR, along_a_line, columns};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::serve::Server;

/// Writes sound records of the given dates beside the mini cell plan.
fn record_dates(work: &Workspace, dates: &[&str]) {
    work.ok(&["compress", "--quiet"]);
    work.ok(&["geojoin", "--quiet"]);
    work.remove("processed/days");
    for date in dates {
        let events: Vec<_> = (0..24).map(|hour| ("u", "100", hour, 1)).collect();
        write_day(work, date, &[("a", Some(date), 24, 100, &[])], &events, |_| {});
    }
}

fn with_dates(dates: &[&str]) -> Workspace {
    let work = Workspace::mini();
    record_dates(&work, dates);
    work
}

#[test]
fn date_that_never_arrived_is_critical_however_it_is_asked_for() {
    let work = with_dates(&["2024-10-01", "2024-10-02", "2024-10-05"]);
    let yesterday = (Local::now().date_naive() - Days::new(1)).to_string();
    let tomorrow = (Local::now().date_naive() + Days::new(1)).to_string();
    for (args, missing) in [
        (&[][..], Some("2024-10-03: no events of 2 dates have arrived, 2024-10-03 to 2024-10-04")),
        (&["--date", "2024-10-03"], Some("2024-10-03: no events of this date have arrived")),
        (&["--date", "2024-10-05"], None),
        (&["--from", "2024-10-04"], Some("2024-10-04: no events of this date have arrived")),
        (&["--from", "2024-10-05"], None),
        (&["--to", "2024-10-02"], None),
        (&["--from", "2024-10-01", "--to", "2024-10-04"], Some("no events of 2 dates")),
        // before and after all others
        (&["--date", "2024-09-30"], Some("2024-09-30: no events of this date have arrived")),
        (&["--date", yesterday.as_str()], Some("no events of this date have arrived")),
        (&["--from", "2024-10-05", "--to", "2024-10-06"], Some("2024-10-06: no events")),
        // not over yet
        (&["--date", tomorrow.as_str()], None),
    ] {
        for level in ["critical", "warning"] {
            let ran = work.run(&[&["quality", "--fail-on", level], args].concat());
            assert_eq!(ran.status, i32::from(missing.is_some()), "{args:?}: {}", ran.stderr);
            if let Some(words) = missing {
                assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
                assert!(ran.stdout.contains("critical  20"), "{args:?}: {}", ran.stdout);
            }
        }
    }
    let one = work.ok(&["quality", "--date", "2024-10-03"]);
    assert_eq!(
        one,
        "No dates; 1 critical, 0 warnings\n\
         critical  2024-10-03  no events of this date have arrived\n"
    );
    let report: Value = serde_json::from_str(&work.ok(&["quality", "--format", "json"])).unwrap();
    assert_eq!(report["gaps"], json!([{ "from": "2024-10-03", "to": "2024-10-04", "dates": 2 }]));
    let warning = &report["warnings"][0];
    assert_eq!((&warning["what"], &warning["value"]), (&"missing_dates".into(), &2.0.into()));
    for name in ["q.html", "q.md"] {
        work.ok(&["quality", "--date", "2024-10-03", "--output", name]);
        assert!(work.read(name).contains("no events of this date have arrived"), "{name}");
    }
}

#[test]
fn config_states_which_dates_are_expected() {
    // 5 and 6 October 2024 are a weekend
    let work = with_dates(&["2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04", "2024-10-07"]);
    let missing = |setting: &str, args: &[&str]| {
        work.config(&format!("[checks]\nexpected_dates = {setting}\n"));
        let ran = work.run(&[&["quality", "--format", "json"], args].concat());
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let gaps = report["gaps"].as_array().unwrap();
        gaps.iter().map(|gap| gap["from"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(missing("\"daily\"", &[]), ["2024-10-05"]);
    assert_eq!(missing("\"workdays\"", &[]), [""; 0]);
    assert_eq!(missing("\"workdays\"", &["--date", "2024-10-06"]), [""; 0]);
    assert_eq!(missing("\"workdays\"", &["--date", "2024-10-08"]), ["2024-10-08"]);
    let listed = "[\"2024-10-01\", 2024-10-09]";
    assert_eq!(missing(listed, &[]), ["2024-10-09"]);
    assert_eq!(missing(listed, &["--date", "2024-10-05"]), [""; 0]);
    assert_eq!(missing("[]", &[]), [""; 0]);
    work.config("[checks]\nexpected_dates = \"weekly\"\n");
    work.fails(&["quality"], 1, &["expected_dates", "\"daily\", \"workdays\", or a list of dates"]);
}

#[test]
fn purged_dates_are_not_missing() {
    let work = with_dates(&["2024-10-01", "2024-10-02"]);
    work.write("processed/retention.json", "{\"from\": \"2024-10-01\"}");
    let ran = work.run(&["quality", "--date", "2024-09-30", "--fail-on", "critical"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "No dates\n"));
}

#[test]
fn run_all_names_missing_dates_every_time_and_computes_nothing_again_for_it() {
    let work = along_a_line();
    let at = |day: i64, hour: i64| DAY + (24 * day + hour) * HOUR;
    let events: Vec<_> = [0, 4]
        .into_iter()
        .flat_map(|day| (0..24).map(move |hour| ("u", "a", at(day, hour))))
        .collect();
    work.write_events("x.parquet", columns(&events));
    let note = "no events of 3 dates have arrived: 2024-10-02 to 2024-10-04";
    for _ in 0..2 {
        let ran = work.run(&["run-all"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
    }
    let before = work.snapshot("processed/compressed_events");
    work.config("[checks]\nexpected_dates = [\"2024-10-01\", \"2024-10-05\"]\n");
    let ran = work.run(&["run-all"]);
    assert!(ran.status == 0 && !ran.stderr.contains("have arrived"), "{}", ran.stderr);
    assert_eq!(work.snapshot("processed/compressed_events"), before);
    let compress = ran.stdout.lines().find(|line| line.contains("compress")).unwrap();
    assert!(compress.contains("unchanged, skipped"), "{}", ran.stdout);
    // the chart of a view leaves the dates out instead of drawing zeros
    work.ok(&["report", "--view", "number-of-events-per-hour", "--output", "hours.svg"]);
    let lines = work.read("hours.svg").matches("<polyline").count();
    assert!(lines >= 2, "{lines}");
}

fn server_lists_missing_dates(warehouse: Warehouse) {
    let work = warehouse.mini();
    record_dates(&work, &["2024-10-01", "2024-10-02", "2024-10-05"]);
    for stage in ["quality", "load", "views"] {
        work.ok(&[stage, "--quiet"]);
    }
    let gaps = json!([{ "from": "2024-10-03", "to": "2024-10-04", "dates": 2 }]);
    let server = Server::start(&work);
    assert_eq!(server.get("/summary").json()["gaps"], gaps);
    let health = server.get("/health").json();
    assert_eq!((&health["ready"], &health["gaps"]), (&true.into(), &gaps));
    for query in ["", "&date=2024-10-03", "&from=2024-10-04&to=2024-10-05"] {
        let args: Vec<String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .flat_map(|(name, value)| [format!("--{name}"), value.to_owned()])
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let printed = work.ok(&[&["quality", "--format", "json"], args.as_slice()].concat());
        assert_eq!(server.get(&format!("/quality?format=json{query}")).ok(), printed, "{query}");
    }
    let page = server.get("/quality?format=html").ok();
    assert!(page.contains("no events of 2 dates have arrived"), "{page}");
    let page = server.get("/quality?format=html&date=2024-10-04").ok();
    assert!(page.contains("no events of this date have arrived"), "{page}");
}

test_on_each_warehouse!(server_lists_missing_dates);

#[test]
fn only_clients_with_a_token_see_in_health_which_dates_are_missing() {
    let work = with_dates(&["2024-10-01", "2024-10-02", "2024-10-05"]);
    for stage in ["quality", "load"] {
        work.ok(&[stage, "--quiet"]);
    }
    work.config("[serve]\ntoken = \"token-for-this-test-alone\"\n");
    let server = Server::start(&work);
    let health = server.get("/health").json();
    assert!(health["ready"] == true && health.get("gaps").is_none(), "{health}");
    let health = server.get_with("/health", "authorization", "Bearer token-for-this-test-alone");
    assert_eq!(health.json()["gaps"][0]["dates"], 2);
}
