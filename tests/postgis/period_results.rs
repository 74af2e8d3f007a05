//! Results of views that are stored by period, or as sums over all dates: they equal the SQL over all rows,
//! and a load leaves the rows of unchanged periods in place.

use postgres::Client;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{client, lines, mini};
use crate::harness::Workspace;

/// The views of which results are stored by date.
fn by_date(client: &mut Client) -> Vec<String> {
    let sql =
        "SELECT view FROM mobility_view WHERE growth = 'date' AND accumulate IS NULL ORDER BY view";
    lines(client, sql)
}

/// The views of which results are stored by period.
fn by_period(client: &mut Client) -> Vec<String> {
    let sql = "SELECT view FROM mobility_view WHERE growth IS NOT NULL AND accumulate IS NULL ORDER BY view";
    lines(client, sql)
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
fn refresh_writes_only_the_periods_and_sums_that_differ() {
    const BY_DATE: &str = "agg_cell_count_per_user_per_day";
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let written = |client: &mut Client| {
        let sums = "SELECT DISTINCT xmin::text FROM stored_user_cell_dates ORDER BY 1";
        let dates = ["2024-10-01", "2024-10-02"].map(|date| written_by(client, BY_DATE, date));
        (dates, lines(client, sums))
    };
    let before = written(&mut client);
    assert!(!before.0[0].is_empty() && !before.0[1].is_empty() && !before.1.is_empty());
    work.ok(&["views", "--refresh"]);
    assert_eq!(written(&mut client), before, "all rows are the same");

    for (damage, when) in [
        (
            format!("UPDATE stored_{BY_DATE} SET unique_cell_count = 99 WHERE date = '2024-10-02'"),
            "another value",
        ),
        ("DELETE FROM stored_user_cell_dates WHERE dates = 1".to_owned(), "missing sums"),
        ("UPDATE stored_user_cell_dates SET dates = dates + 1".to_owned(), "wrong sums"),
        (
            format!("INSERT INTO stored_{BY_DATE} SELECT * FROM stored_{BY_DATE} LIMIT 1"),
            "a row twice",
        ),
    ] {
        let changed = client.execute(&damage, &[]).unwrap();
        assert!(changed > 0, "{when}");
        work.ok(&["views", "--refresh"]);
        assert_equal_to_plain_sql(&mut client, when);
        if when == "another value" {
            let after = written(&mut client);
            assert_eq!((&after.0[0], &after.1), (&before.0[0], &before.1), "{when}");
            assert_ne!(after.0[1], before.0[1], "{when}");
        }
    }
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
            "events_per_hour_2024_10_01",
            "unique_locations_per_user_per_day",
            "unique_users_per_lau_2024_10_01",
            "unique_users_per_lau_per_day",
            "users_per_day",
            "view_users_per_lau_day_night",
        ]
    );
    let views: Vec<String> = views.into_iter().filter(|v| !v.ends_with("_2024_10_01")).collect();
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
    let changed = work.read("raw/lau/lau.geojson").replace("Saare vald", "Saare linn");
    work.write("raw/lau/lau.geojson", changed);
    work.ok(&["run-all"]);
    assert_equal_to_plain_sql(&mut client, "after a change of a name");
    let names =
        "SELECT DISTINCT lau_name FROM view_users_per_lau_day_night WHERE lau_id = 'EE_0003'";
    assert_eq!(lines(&mut client, names), ["Saare linn"]);
}

/// Views with neighbours, of weeks, and with sums of which a key can be null.
fn write_own_views(work: &Workspace) {
    work.copy_shipped_views();
    let nights = "-- by: date+1\n-- period: night\n\
        SELECT night, user_id, COUNT(*) AS hours FROM (\n\
          SELECT user_id, hour, CASE WHEN EXTRACT(HOUR FROM hour) < 8 \
            THEN CAST(date - INTERVAL '1 day' AS DATE) ELSE date END AS night\n\
          FROM mobile_events_compressed \
          WHERE EXTRACT(HOUR FROM hour) < 8 OR EXTRACT(HOUR FROM hour) >= 20) AS seen\n\
        GROUP BY night, user_id\n";
    work.write("views/nights.sql", nights);
    let returned = "-- by: week-1\n\
        WITH seen AS (SELECT DISTINCT user_id, CAST(date_trunc('week', CAST(date AS TIMESTAMP)) AS DATE) AS week \
          FROM agg_cell_count_per_user_per_day)\n\
        SELECT w.week, COUNT(*) AS users FROM seen w JOIN seen b \
          ON b.user_id = w.user_id AND b.week = CAST(w.week - INTERVAL '7 days' AS DATE) GROUP BY w.week\n";
    work.write("views/returned.sql", returned);
    let lau_dates = "-- by: date\n-- accumulate: n\n-- single_users: yes\n\
        SELECT c.lau_id, e.user_id, COUNT(DISTINCT e.date) AS n FROM mobile_events_compressed e \
        LEFT JOIN cell_plan c ON c.cell_id = e.cell_id \
          AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start) \
          AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)\n\
        GROUP BY c.lau_id, e.user_id\n";
    work.write("views/lau_dates.sql", lau_dates);
}

/// Events of a few users at the cells of the mini plan on one date; `salt` varies them.
fn events(date: &str, salt: u64) -> String {
    let mut text = "user_id,cell_id,timestamp\n".to_owned();
    for n in 0..12 + salt % 5 {
        let mixed = (n + 1).wrapping_mul(salt.wrapping_mul(2_654_435_761) | 1);
        let (user, cell, hour) =
            (mixed % 7, [100, 200, 300, 9999][(mixed / 7 % 4) as usize], mixed / 28 % 24);
        text.push_str(&format!("user{user},{cell},{date} {hour:02}:{:02}:00\n", n % 60));
    }
    text
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn dates_added_changed_and_removed_in_any_order_give_the_rows_of_plain_sql() {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec((0..9u32, 0..3u8, any::<u32>()), 16);
    let steps = steps.new_tree(&mut runner).unwrap().current();
    let (work, schema) = mini();
    write_own_views(&work);
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let own = "SELECT concat_ws(' ', view, growth, period, accumulate) FROM mobility_view \
               WHERE view = ANY ('{nights,returned,lau_dates}') ORDER BY view";
    let expected = ["lau_dates date n", "nights date+1 night", "returned week-1 week"];
    assert_eq!(lines(&mut client, own), expected);
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
    // as an earlier version stored them
    for view in by_period(&mut client) {
        client
            .batch_execute(&format!("ALTER TABLE stored_{view} DROP COLUMN mobility_date"))
            .unwrap();
    }
    client
        .batch_execute(&format!(
            "DROP TABLE mobility_view_date, mobility_plan_date; \
             ALTER TABLE mobility_view DROP COLUMN growth, DROP COLUMN period, DROP COLUMN accumulate, \
               DROP COLUMN order_by, DROP COLUMN inputs, DROP COLUMN seconds, DROP COLUMN is_split, \
               DROP COLUMN windows; \
             DROP VIEW user_cell_dates; DROP TABLE stored_user_cell_dates; \
             DELETE FROM mobility_view WHERE view = 'user_cell_dates'; \
             UPDATE mobility_view SET sql = 'SELECT 1::bigint AS unique_locations, 5::bigint AS user_count' \
               WHERE view = 'user_location_distribution'; \
             UPDATE mobility_load SET places = 'both small'; \
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

#[test]
#[ignore = "needs PostGIS: run make test"]
fn new_version_of_a_cell_recomputes_only_the_dates_on_which_it_is_valid() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let sql = "SELECT concat_ws(',', cell_id, latitude, longitude, valid_date_start::text, \
                 coalesce(valid_date_end::text, '')) \
               FROM (SELECT cell_id, latitude, longitude, coalesce(valid_date_start::text, '') AS valid_date_start, \
                 valid_date_end FROM cell_plan) AS p ORDER BY 1";
    let plan = lines(&mut client, sql);
    let write = |lines: &[String]| {
        let header = "cell_id,latitude,longitude,valid_date_start,valid_date_end";
        work.remove("raw/cells");
        work.write("raw/cells/plan.csv", format!("{header}\n{}\n", lines.join("\n")));
        work.ok(&["run-all"]);
    };
    write(&plan);
    let with_plan = ["agg_users_per_lau_per_day", "view_users_per_lau_day_night"];
    let written =
        |client: &mut Client, date: &str| with_plan.map(|view| written_by(client, view, date));
    let before = ["2024-10-01", "2024-10-02"].map(|date| written(&mut client, date));
    // 500 gets another place, which lies in another LAU, on the second date
    let of_100 = plan.iter().find(|line| line.starts_with("100,")).unwrap().clone();
    let place: Vec<&str> = of_100.split(',').collect();
    let mut changed = plan.clone();
    let line = changed.iter_mut().find(|line| line.starts_with("500,")).unwrap();
    assert!(line.ends_with(",,"), "{line}");
    line.push_str("2024-10-01");
    changed.push(format!("500,{},{},2024-10-02,", place[1], place[2]));
    write(&changed);
    let after = ["2024-10-01", "2024-10-02"].map(|date| written(&mut client, date));
    assert_eq!(after[0], before[0], "rows of a date before the new version were written again");
    for (old, new) in before[1].iter().zip(&after[1]) {
        assert_ne!(old, new, "rows of the date of the new version were kept");
    }
    assert_equal_to_plain_sql(&mut client, "after the new version");
    // and back
    write(&plan);
    assert_eq!(written(&mut client, "2024-10-01"), before[0]);
    assert_equal_to_plain_sql(&mut client, "without the new version");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn new_date_only_updates_sums_of_its_own_users() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let sql = "SELECT concat_ws(' ', u.user_id, c.cell_id, s.dates, s.xmin) FROM stored_user_cell_dates s \
               JOIN mobility_user u ON u.user_no = s.user_id JOIN mobility_cell c ON c.cell_no = s.cell_id \
               WHERE NOT (u.user_id = 'bb02' AND c.cell_id = '200') ORDER BY 1";
    let before = lines(&mut client, sql);
    assert!(before.len() > 5, "{before:?}");
    let seen = "SELECT dates::text FROM user_cell_dates WHERE user_id = 'bb02' AND cell_id = '200'";
    let dates: i64 = lines(&mut client, seen)[0].parse().unwrap();
    let event = "user_id,cell_id,timestamp\nbb02,200,2024-10-07 08:00:00\n";
    work.write("raw/events/late.csv", event);
    work.ok(&["run-all"]);
    assert_eq!(lines(&mut client, sql), before);
    assert_eq!(lines(&mut client, seen), [(dates + 1).to_string()]);
    assert_equal_to_plain_sql(&mut client, "after a new date");
    work.remove("raw/events/late.csv");
    work.ok(&["run-all"]);
    assert_eq!(lines(&mut client, sql), before);
    assert_eq!(lines(&mut client, seen), [dates.to_string()]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn sums_are_computed_anew_if_what_a_date_has_added_is_unknown() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    // partitions that no longer exist
    let forget =
        "UPDATE mobility_view_date SET leaf_no = leaf_no + 1000 WHERE view = 'user_cell_dates'";
    client.batch_execute(forget).unwrap();
    work.add_late_event(3);
    work.ok(&["run-all"]);
    assert_equal_to_plain_sql(&mut client, "after a late event");
    // sums that do not contain what the records say are not noticed, so that an update must have used them
    client.batch_execute("UPDATE stored_user_cell_dates SET dates = dates + 10").unwrap();
    work.add_late_event(4);
    work.ok(&["run-all"]);
    let wrong = "SELECT count(*)::text FROM user_cell_dates WHERE dates > 10";
    let kept: usize = lines(&mut client, wrong)[0].parse().unwrap();
    assert!(kept > 5, "{kept}");
    work.ok(&["views", "--refresh"]);
    assert_eq!(lines(&mut client, wrong), ["0"]);
    assert_equal_to_plain_sql(&mut client, "after a refresh");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn view_without_periods_is_recomputed_only_if_what_it_reads_has_changed() {
    let (work, schema) = mini();
    work.copy_shipped_views();
    work.write("views/units.sql", "SELECT COUNT(*) AS n FROM lau\n");
    work.write("views/places.sql", "SELECT n, random() < 2 AS always FROM units\n");
    work.write("views/all_events.sql", "SELECT COUNT(*) AS n FROM mobile_events_compressed\n");
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let writers = |client: &mut Client| {
        ["units", "places", "all_events"]
            .map(|view| lines(client, &format!("SELECT xmin::text FROM stored_{view}")))
    };
    let before = writers(&mut client);
    work.add_late_event(3);
    work.ok(&["run-all"]);
    let after = writers(&mut client);
    assert_eq!(after[0], before[0], "the LAUs are the same");
    assert_ne!(after[1], before[1], "a function that changes by itself");
    assert_ne!(after[2], before[2], "an event is new");
    assert_equal_to_plain_sql(&mut client, "after a late event");
}
