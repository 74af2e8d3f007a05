//! Loading: grants and foreign views, changed days, geometry, raw events, view files.

use super::{Cluster, client, lines, mini, new_schema};
use crate::harness::{RELATIONS, Warehouse, Workspace, array, expected};

const VIEW: &str = "view_users_per_lau_day_night";

fn csv(work: &Workspace, view: &str) -> String {
    work.ok(&["query", view, "--format", "csv"])
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn tables_and_views_of_the_contract_exist_for_every_client() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let names = lines(
        &mut client,
        &format!(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = '{schema}' \
                  AND table_name !~ '^(mobility|stored)_' ORDER BY table_name COLLATE \"C\""
        ),
    );
    assert_eq!(names, RELATIONS);
    let rows = lines(
        &mut client,
        &format!(
            "SELECT concat_ws(',', date, lau_id, day_users, night_users) FROM {VIEW} ORDER BY date, lau_id"
        ),
    );
    let by_hand: Vec<String> = expected(VIEW)
        .lines()
        .skip(1)
        .map(|l| {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(l.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            [0, 1, 3, 4].map(|i| record[i].to_owned()).join(",")
        })
        .collect();
    assert_eq!(rows, by_hand);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn grants_indexes_and_foreign_views_survive_every_load() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    client
        .batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE guest; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
             GRANT SELECT ON mobile_events_compressed, lau, agg_events_per_hour TO guest; \
             CREATE INDEX mine ON lau (lau_name); \
             CREATE VIEW {schema}.over_all AS SELECT count(*)::text AS n FROM mobile_events_compressed \
               UNION ALL SELECT count(*)::text FROM lau UNION ALL SELECT count(*)::text FROM cell_plan \
               UNION ALL SELECT sum(event_count)::text FROM agg_events_per_hour"
        ))
        .unwrap();
    for user in 1..3 {
        work.add_late_event(user);
        work.ok(&["run-all"]);
    }
    work.ok(&["run-all", "--force"]);
    assert_eq!(lines(&mut client, "SELECT n FROM over_all"), ["23", "4", "10", "27"]);
    let kept = lines(
        &mut client,
        &format!(
            "SELECT (has_table_privilege('guest', '{schema}.mobile_events_compressed', 'SELECT') \
             AND has_table_privilege('guest', '{schema}.lau', 'SELECT') \
             AND has_table_privilege('guest', '{schema}.agg_events_per_hour', 'SELECT') \
             AND to_regclass('{schema}.mine') IS NOT NULL)::text"
        ),
    );
    assert_eq!(kept, ["true"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn load_alone_updates_the_views() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    work.add_late_event(0x99);
    work.ok(&["compress"]);
    assert_eq!(csv(&work, VIEW), expected(VIEW), "nothing is loaded yet");
    work.ok(&["load"]);
    let mut client = client(&schema);
    let users = |client: &mut postgres::Client| {
        lines(
            client,
            &format!(
                "SELECT day_users::text FROM {VIEW} WHERE date = '2024-10-02' AND lau_id = 'EE_0003'"
            ),
        )
    };
    assert_eq!(users(&mut client), ["4"]);
    let before = "2024-10-02,EE_0003,Saare vald,3,1";
    let after = "2024-10-02,EE_0003,Saare vald,4,1";
    assert_eq!(csv(&work, VIEW), expected(VIEW).replace(before, after));
    assert!(work.ok(&["views"]).contains("kept"));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn ids_that_are_new_get_the_numbers_after_those_of_others() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let mut numbers = || {
        let sql = "SELECT concat_ws(' ', min(user_no), max(user_no), count(DISTINCT user_no), \
                     (SELECT last_value FROM mobility_user_user_no_seq)) FROM mobility_user";
        lines(&mut client, sql)
    };
    // the users of fixtures/expected/agg_cell_count_per_user_per_day.csv
    assert_eq!(numbers(), ["1 6 6 6"]);
    for (user, expected) in [(0x98, "1 7 7 7"), (0x99, "1 8 8 8")] {
        work.add_late_event(user);
        work.ok(&["run-all"]);
        assert_eq!(numbers(), [expected]);
    }
}

fn leaves(client: &mut postgres::Client) -> Vec<String> {
    lines(
        client,
        "SELECT concat_ws(' ', date, leaf_no) FROM mobility_leaf WHERE retired_by IS NULL ORDER BY date",
    )
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn changed_day_replaces_only_its_own_partition() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let first = leaves(&mut client);
    work.ok(&["load", "--force"]);
    assert_eq!(leaves(&mut client), first, "the same rows again change nothing");
    work.add_late_event(1);
    work.ok(&["run-all"]);
    let second = leaves(&mut client);
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1]);
    work.add_late_event(2);
    work.ok(&["run-all"]);
    let tables = lines(
        &mut client,
        &format!(
            "SELECT relname::text FROM pg_class WHERE relnamespace = '{schema}'::regnamespace \
             AND relname ~ '^mobility_presence_[0-9]+$'"
        ),
    );
    assert_eq!(tables.len(), 3, "two that count, one for readers that began before: {tables:?}");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn user_ids_of_removed_days_are_deleted() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let users = |client: &mut postgres::Client| {
        lines(client, "SELECT user_id FROM mobility_user ORDER BY 1").len()
    };
    let all = users(&mut client);
    work.remove("raw/events/year=2024/month=10/day=1");
    work.ok(&["run-all"]);
    let sql = "SELECT COUNT(DISTINCT user_id) AS n FROM mobile_events_compressed";
    let left: usize = csv_number(&work, sql);
    assert!(left < all, "the test needs a user of the first day alone");
    // the next load that has work to do deletes them
    work.ok(&["load", "--force"]);
    assert_eq!(users(&mut client), left);
    let dates = work.ok(&["query", VIEW, "--format", "csv"]);
    assert!(!dates.contains("2024-10-01"), "{dates}");
}

fn csv_number(work: &Workspace, sql: &str) -> usize {
    let text = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    text.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn postgis_places_every_cell_as_geojoin_did() {
    let (work, schema) = mini();
    work.replace_inputs_with_synthetic(3000, 5);
    work.ok(&["run-all"]);
    let mut client = client(&schema);
    let types = lines(
        &mut client,
        &format!(
            "SELECT concat_ws(' ', f_table_name, type, srid) FROM geometry_columns \
             WHERE f_table_schema = '{schema}' ORDER BY 1"
        ),
    );
    assert_eq!(types, ["cell_plan POINT 4326", "lau MULTIPOLYGON 3035"]);
    let other = "SELECT c.cell_id FROM cell_plan c LEFT JOIN LATERAL ( \
          SELECT min(l.lau_id) AS lau_id FROM lau l \
          WHERE ST_Within(ST_Transform(c.geometry, 3035), l.geometry)) AS s ON true \
        WHERE s.lau_id IS DISTINCT FROM c.lau_id";
    assert_eq!(lines(&mut client, other), Vec::<String>::new());
    let some =
        lines(&mut client, "SELECT count(*)::text FROM cell_plan WHERE lau_match = 'within'");
    assert!(some[0].parse::<u32>().unwrap() > 100, "{some:?}");
    let indexed = lines(
        &mut client,
        &format!(
            "SELECT tablename::text FROM pg_indexes WHERE schemaname = '{schema}' AND indexdef LIKE '%gist%' ORDER BY 1"
        ),
    );
    assert_eq!(indexed, ["cell_plan", "lau"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn raw_events_are_loaded_only_if_configured() {
    let (work, _) = mini();
    let sql = "SELECT COUNT(*) AS n FROM mobile_events_uncompressed";
    work.ok(&["run-all"]);
    assert_eq!(csv_number(&work, sql), 0);
    work.config("[load]\nuncompressed = true\n");
    work.ok(&["run-all"]);
    assert_eq!(csv_number(&work, sql), 26);
    work.config("");
    work.ok(&["run-all"]);
    assert_eq!(csv_number(&work, sql), 0);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn unusable_rows_are_among_the_raw_events_of_both_warehouses() {
    use arrow::array::{BinaryArray, StringArray};
    let sql = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed ORDER BY user_id, cell_id, timestamp";
    let mut answers = Vec::new();
    for work in [Warehouse::Embedded, Warehouse::Postgis].map(Warehouse::mini) {
        let text = |values: Vec<Option<&'static str>>| array(StringArray::from(values));
        work.write_events(
            "odd.parquet",
            vec![
                ("user_id", array(BinaryArray::from_opt_vec(vec![Some(b"z"), None, Some(b"z")]))),
                ("cell_id", text(vec![None, Some("400"), Some("")])),
                ("timestamp", text(vec![Some("2024-10-01 08:00:00"), Some("soon"), None])),
            ],
        );
        work.config("[load]\nuncompressed = true\n");
        work.ok(&["run-all"]);
        answers.push(work.ok(&["query", "--sql", sql, "--format", "csv"]));
    }
    assert_eq!(answers[0].lines().count(), 30);
    assert_eq!(answers[0], answers[1]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn foreign_relations_are_named_and_never_changed() {
    let schema = new_schema();
    let mut client = Cluster::shared().client();
    client
        .batch_execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.lau (id integer, name text)"
        ))
        .unwrap();
    let work = Workspace::mini();
    work.postgis(&Cluster::shared().url, &schema, "");
    work.fails(
        &["run-all"],
        1,
        &["a table lau with the columns id, name", "warehouse.schema", &schema],
    );
    client
        .batch_execute(&format!(
            "DROP TABLE {schema}.lau; CREATE TABLE {schema}.agg_events_per_hour (precious integer)"
        ))
        .unwrap();
    work.fails(
        &["run-all"],
        1,
        &["a table agg_events_per_hour with the columns precious", "did not make"],
    );
    client.batch_execute(&format!("SELECT precious FROM {schema}.agg_events_per_hour")).unwrap();
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn changed_and_removed_view_files_are_followed() {
    let (work, schema) = mini();
    work.copy_shipped_views();
    work.write("views/busy.sql", "SELECT cell_id, COUNT(*) AS n FROM mobile_events_compressed GROUP BY cell_id -- and no more\n");
    work.ok(&["run-all"]);
    let sql = "-- order: n desc, cell_id\nSELECT cell_id, CAST(SUM(event_count) AS BIGINT) AS n, MIN(hour) AS first\nFROM mobile_events_compressed GROUP BY cell_id;\n";
    work.write("views/busy.sql", sql);
    // the file takes effect before it is deployed to the warehouse
    let rows = work.ok(&["query", "busy", "--format", "csv", "--limit", "1"]);
    assert_eq!(rows, "cell_id,n,first\n100,5,2024-10-01 06:00:00\n");
    work.ok(&["views"]);
    let mut client = client(&schema);
    assert_eq!(
        lines(&mut client, "SELECT cell_id FROM busy ORDER BY n DESC, cell_id LIMIT 1"),
        ["100"]
    );
    for (sql, words) in [
        ("-- title: x\nSELECT hour,\n  nope\nFROM mobile_events_compressed\n", ["line 3", "nope"]),
        ("-- title: x\nSELEC 1\n", ["line 2, column 1", "SELEC"]),
        ("-- order: y\nSELECT 1 AS x\n", ["\"y\"", "x"]),
        ("DROP TABLE lau\n", ["line 1", "DROP"]),
        ("SELECT 1 AS x; DROP TABLE lau\n", ["multiple commands", "prepared"]),
        ("WITH d AS (DELETE FROM lau RETURNING *) SELECT * FROM d\n", ["DECLARE CURSOR", "WITH"]),
        ("SELECT * FROM broken\n", ["broken", "itself"]),
    ] {
        work.write("views/broken.sql", sql);
        work.fails(&["views"], 1, &[&["broken.sql"], &words[..]].concat());
        assert_eq!(csv(&work, VIEW), expected(VIEW));
    }
    work.remove("views/broken.sql");
    work.remove("views/busy.sql");
    let ran = work.run(&["views"]);
    assert!(ran.stderr.contains("view busy was dropped"), "{}", ran.stderr);
    assert_eq!(
        lines(
            &mut client,
            "SELECT to_regclass('busy')::text WHERE to_regclass('busy') IS NOT NULL"
        )
        .len(),
        0
    );
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn loaded_day_is_not_read_again() {
    let (work, _) = mini();
    work.ok(&["run-all"]);
    work.add_late_event(0x99);
    work.ok(&["compress"]);
    work.corrupt_pages("2024-10-01");
    work.ok(&["run-all"]);
    let line = "2024-10-02,EE_0003,Saare vald,3,1";
    let more = expected(VIEW).replace(line, "2024-10-02,EE_0003,Saare vald,4,1");
    assert_eq!(csv(&work, VIEW), more);
}
