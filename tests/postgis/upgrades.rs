//! Databases that older versions of the program created are upgraded by the next load.

use super::{Cluster, client, lines, mini, new_schema};
use crate::harness::{Workspace, expected};

/// Tables as version 2 created and filled them.
const LAYOUT_2: &str = include_str!("layout_2.sql");

const EVENTS: &str = "SELECT concat_ws(' ', user_id, cell_id, date, hour, first_seen, last_seen, event_count) \
                      FROM mobile_events_compressed ORDER BY user_id, hour, cell_id";
const RAW: &str = "SELECT concat_ws(' ', user_id, cell_id, timestamp) \
                   FROM mobile_events_uncompressed ORDER BY user_id, timestamp, cell_id";
const VIEW: &str = "view_users_per_lau_day_night";

/// A workspace whose processed files are loaded into one schema, and a schema of layout 2 with the
/// partitions of the same files.
fn layout_2() -> (Workspace, [String; 2]) {
    let (work, schema) = mini();
    work.config("[load]\nuncompressed = true\n");
    work.ok(&["run-all"]);
    let mut marks = LAYOUT_2.to_owned();
    let sql = "SELECT concat_ws(' ', mark, coalesce(date::text, 'raw events')) FROM mobility_leaf";
    for line in lines(&mut client(&schema), sql) {
        let (mark, of) = line.split_once(' ').unwrap();
        marks = marks.replace(&format!("{{mark of {of}}}"), mark);
    }
    let old = new_schema();
    let mut client = Cluster::shared().client();
    client
        .batch_execute(&format!("CREATE SCHEMA {old}; SET search_path TO {old}, public"))
        .unwrap();
    client.batch_execute(&marks).unwrap();
    work.postgis(&Cluster::shared().url, &old, "");
    work.config("[load]\nuncompressed = true\n");
    (work, [schema, old])
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn load_upgrades_numbers_to_64_bits_and_keeps_rows_grants_and_views_over_them() {
    let (work, [fresh, old]) = layout_2();
    let mut admin = client(&old);
    admin
        .batch_execute(
            "DO $$ BEGIN CREATE ROLE upgraded; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
             GRANT SELECT ON mobile_events_compressed, mobility_presence, mobility_event, \
               mobility_presence_d20241001 TO upgraded; \
             CREATE VIEW over_events AS SELECT count(*)::text AS n FROM mobile_events_compressed",
        )
        .unwrap();
    // the old layout can be read before the first load
    let sql = "SELECT COUNT(*) AS n FROM mobile_events_compressed";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), "n\n21\n");
    assert_eq!(work.ok(&["query", "agg_events_per_hour", "--format", "csv"]).lines().count(), 21);
    work.ok(&["load"]);
    let columns = format!(
        "SELECT table_name || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = '{old}' AND data_type <> 'bigint' \
           AND column_name IN ('user_no', 'cell_no', 'leaf_no', 'load_no', 'retired_by')"
    );
    assert_eq!(lines(&mut admin, &columns), Vec::<String>::new());
    let sequences = format!(
        "SELECT data_type::text FROM pg_sequences WHERE schemaname = '{old}' AND data_type <> 'bigint'::regtype"
    );
    assert_eq!(lines(&mut admin, &sequences), Vec::<String>::new());
    // the partitions were kept and not filled again
    let active = "SELECT concat_ws(' ', leaf_no, date) FROM mobility_leaf WHERE retired_by IS NULL ORDER BY 1";
    assert_eq!(lines(&mut admin, active), ["1 2024-10-01", "2 2024-10-02", "3"]);
    assert_eq!(lines(&mut admin, "SELECT n FROM over_events"), ["21"]);
    let grants = "SELECT t FROM unnest(ARRAY['mobile_events_compressed', 'mobility_presence', \
                    'mobility_event', 'mobility_presence_d20241001']) t \
                  WHERE NOT has_table_privilege('upgraded', t, 'SELECT')";
    assert_eq!(lines(&mut admin, grants), Vec::<String>::new());
    for sql in [EVENTS, RAW] {
        assert_eq!(lines(&mut admin, sql), lines(&mut client(&fresh), sql));
    }
    work.ok(&["views"]);
    assert_eq!(work.ok(&["query", VIEW, "--format", "csv"]), expected(VIEW));
    // later loads go on as if the tables had been created so
    admin
        .batch_execute(
            "ALTER TABLE mobility_user ALTER user_no RESTART WITH 5000000000; \
                        ALTER TABLE mobility_leaf ALTER leaf_no RESTART WITH 6000000000",
        )
        .unwrap();
    work.add_late_event(0x99);
    work.ok(&["run-all"]);
    work.ok(&["load", "--force"]);
    let big = "SELECT concat_ws(' ', u.user_no > 4000000000, p.leaf_no > 4000000000) FROM mobility_user u \
               JOIN mobility_presence p USING (user_no) WHERE u.user_id = '99'";
    assert_eq!(lines(&mut admin, big), ["t t"]);
    let tables = "SELECT count(*)::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
                  AND relname ~ '^mobility_presence_[0-9]+$'";
    assert_eq!(lines(&mut admin, tables), ["2"], "the replaced partition was dropped");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn upgrade_that_fails_changes_nothing() {
    let (work, [_, old]) = layout_2();
    let mut admin = client(&old);
    // a view over an internal table prevents a change of its types
    admin.batch_execute("CREATE VIEW inner_view AS SELECT user_no FROM mobility_presence").unwrap();
    let before = lines(&mut admin, EVENTS);
    work.fails(&["load"], 1, &["inner_view", "could not be upgraded"]);
    assert_eq!(lines(&mut admin, EVENTS), before);
    assert_eq!(lines(&mut admin, "SELECT layout::text FROM mobility_load"), ["2"]);
    admin.batch_execute("DROP VIEW inner_view").unwrap();
    work.ok(&["load"]);
    assert_eq!(lines(&mut admin, "SELECT layout::text FROM mobility_load"), ["3"]);
    assert_eq!(lines(&mut admin, EVENTS), before);
}
