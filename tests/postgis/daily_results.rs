//! Results of views that are stored date by date: they equal the SQL over all rows, and a load leaves the
//! rows of unchanged dates in place.

use postgres::Client;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::{client, lines, mini};

/// The views of which results are stored by date.
fn by_date(client: &mut Client) -> Vec<String> {
    lines(client, "SELECT view FROM mobility_view WHERE by_date ORDER BY view")
}

/// Each stored result must have the rows of its SQL over all dates, neither more nor fewer.
fn assert_equal_to_plain_sql(client: &mut Client, when: &str) {
    let views = client.query("SELECT view, sql, row_count FROM mobility_view", &[]).unwrap();
    assert!(views.len() >= 10, "{when}: {} views", views.len());
    for row in views {
        let (view, sql, count): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        let plain = format!("({}\n)", sql.trim_end().trim_end_matches(';'));
        let stored = format!("(SELECT * FROM {view})");
        for (a, b) in [(&plain, &stored), (&stored, &plain)] {
            let differs = lines(client, &format!("SELECT q::text FROM ({a} EXCEPT ALL {b}) AS q"));
            assert_eq!(differs, Vec::<String>::new(), "{when}: {view}");
        }
        let rows = client.query_one(&format!("SELECT count(*) FROM {view}"), &[]).unwrap();
        assert_eq!(rows.get::<_, i64>(0), count, "{when}: {view}");
    }
}

/// The transactions that wrote the stored rows of a date.
fn written_by(client: &mut Client, view: &str, date: &str) -> Vec<String> {
    lines(
        client,
        &format!(
            "SELECT DISTINCT xmin::text FROM stored_{view} WHERE mobility_date = '{date}' ORDER BY 1"
        ),
    )
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn load_leaves_rows_of_unchanged_dates_in_place() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let views = by_date(&mut client);
    assert_eq!(
        views,
        [
            "agg_cell_count_per_user_per_day",
            "agg_events_per_hour",
            "agg_unique_users_per_hour",
            "agg_users_per_lau_per_day",
            "unique_locations_per_user_per_day",
            "unique_users_per_lau_per_day",
            "users_per_day",
            "view_users_per_lau_day_night",
        ]
    );
    let written = |client: &mut Client, date: &str| -> Vec<Vec<String>> {
        views.iter().map(|view| written_by(client, view, date)).collect()
    };
    let first = ["2024-10-01", "2024-10-02"].map(|date| written(&mut client, date));
    assert!(first.iter().flatten().all(|writers| writers.len() == 1), "{first:?}");
    work.add_late_event(7);
    work.ok(&["run-all"]);
    let second = ["2024-10-01", "2024-10-02"].map(|date| written(&mut client, date));
    assert_eq!(second[0], first[0], "rows of a date that did not change were written again");
    for (before, after) in first[1].iter().zip(&second[1]) {
        assert_ne!(before, after, "rows of the changed date were kept");
    }
    assert_equal_to_plain_sql(&mut client, "after a late event");
    work.ok(&["views", "--refresh"]);
    let third = written(&mut client, "2024-10-01");
    for (before, after) in second[0].iter().zip(&third) {
        assert_ne!(before, after, "--refresh computes everything again");
    }
    assert_equal_to_plain_sql(&mut client, "after a refresh");
    let changed = work.read("raw/lau/lau.geojson").replace("Saare vald", "Saare linn");
    work.write("raw/lau/lau.geojson", changed);
    work.ok(&["run-all"]);
    assert_equal_to_plain_sql(&mut client, "after a change of a name");
    let names =
        "SELECT DISTINCT lau_name FROM view_users_per_lau_day_night WHERE lau_id = 'EE_0003'";
    assert_eq!(lines(&mut client, names), ["Saare linn"]);
}

/// Events of a few users at the cells of the mini plan on one date; `salt` varies them.
fn events(date: &str, salt: u64) -> String {
    let mut text = "user_id,cell_id,timestamp\n".to_owned();
    for n in 0..12 + salt % 5 {
        let mixed = (n + 1).wrapping_mul(salt.wrapping_mul(2_654_435_761) | 1);
        let (user, cell, hour) =
            (mixed % 7, [100, 200, 300, 400][(mixed / 7 % 4) as usize], mixed / 28 % 24);
        text.push_str(&format!("user{user},{cell},{date} {hour:02}:{:02}:00\n", n % 60));
    }
    text
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn dates_added_changed_and_removed_in_any_order_give_the_rows_of_plain_sql() {
    let mut runner = TestRunner::new(Config::default());
    let steps = proptest::collection::vec((0..5u32, 0..3u8, any::<u32>()), 12);
    let steps = steps.new_tree(&mut runner).unwrap().current();
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    for (number, (day, action, salt)) in steps.into_iter().enumerate() {
        let date = format!("2024-10-{:02}", 3 + day);
        let file = format!("raw/events/{date}.csv");
        match action {
            0 if work.path(&file).exists() => work.remove(&file),
            _ => work.write(&file, events(&date, u64::from(salt))),
        }
        let stage: &[&str] = if number % 3 == 2 { &["load"] } else { &["run-all"] };
        if stage == ["load"] {
            work.ok(&["compress"]);
        }
        work.ok(stage);
        assert_equal_to_plain_sql(&mut client, &format!("step {number}, {date}"));
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn results_of_earlier_versions_are_stored_by_date_and_views_over_them_are_kept() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let views = by_date(&mut client);
    // as earlier versions stored them
    for view in &views {
        client
            .batch_execute(&format!("ALTER TABLE stored_{view} DROP COLUMN mobility_date"))
            .unwrap();
    }
    client
        .batch_execute(&format!(
            "DROP TABLE mobility_view_date; ALTER TABLE mobility_view DROP COLUMN by_date; \
             CREATE VIEW {schema}.mine AS SELECT sum(event_count)::text AS n FROM {schema}.agg_events_per_hour"
        ))
        .unwrap();
    let hourly = work.ok(&["query", "number-of-events-per-hour", "--format", "csv"]);
    assert_eq!(
        hourly,
        crate::harness::expected("agg_events_per_hour"),
        "read before the next load"
    );
    work.add_late_event(9);
    work.ok(&["run-all"]);
    assert_eq!(by_date(&mut client), views);
    assert_equal_to_plain_sql(&mut client, "after the first load of this version");
    assert_eq!(lines(&mut client, "SELECT n FROM mine"), ["26"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn view_that_stops_to_be_computed_by_date_is_stored_as_a_whole() {
    let (work, schema) = mini();
    work.copy_shipped_views();
    let busy = |header: &str| {
        format!(
            "{header}SELECT cell_id, date, COUNT(*) AS n FROM mobile_events_compressed GROUP BY cell_id, date\n"
        )
    };
    work.write("views/busy.sql", busy("-- by: date\n"));
    let over = "-- by: date\nSELECT date, MAX(n) AS most FROM busy GROUP BY date\n";
    work.write("views/busiest.sql", over);
    // the small tables have no rows by date that a load could compare
    let quality = "-- by: date\nSELECT date, events_in FROM quality_daily\n";
    work.write("views/totals.sql", quality.replace("events_in", "CAST(1 AS BIGINT) AS one"));
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let own = |client: &mut Client| -> Vec<String> {
        by_date(client)
            .into_iter()
            .filter(|v| ["busy", "busiest", "totals"].contains(&&**v))
            .collect()
    };
    assert_eq!(own(&mut client), ["busiest", "busy"]);
    work.write("views/busy.sql", busy(""));
    work.ok(&["views"]);
    assert_eq!(own(&mut client), Vec::<String>::new());
    assert_equal_to_plain_sql(&mut client, "after the header changed");
    work.add_late_event(5);
    work.ok(&["run-all"]);
    assert_equal_to_plain_sql(&mut client, "after a late event");
}
