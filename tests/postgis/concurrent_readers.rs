//! Readers during loads, and readers with few privileges.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Cluster, client, lines, mini};
use crate::harness::expected;

#[test]
#[ignore = "needs PostGIS: run make test"]
fn readers_see_old_or_new_rows_during_reloads() {
    let (work, schema) = mini();
    work.replace_inputs_with_synthetic(20000, 1);
    work.ok(&["run-all"]);
    let done = AtomicBool::new(false);
    // sums of two views and of their table in one statement
    let sql = "SELECT concat_ws(' ', (SELECT sum(event_count) FROM agg_events_per_hour), \
                 (SELECT sum(event_count) FROM mobile_events_compressed), \
                 (SELECT sum(day_users + night_users) FROM view_users_per_lau_day_night), \
                 (SELECT count(*) FROM lau))";
    let (seen, states) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = client(&schema);
            let mut seen = BTreeSet::new();
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                seen.extend(lines(&mut client, sql));
                reads += 1;
            }
            (seen, reads)
        });
        let mut client = client(&schema);
        let mut states = BTreeSet::from_iter(lines(&mut client, sql));
        for (events, seed) in [(30_000, 2), (10_000, 3), (30_000, 4)] {
            work.replace_inputs_with_synthetic(events, seed);
            work.ok(&["run-all"]);
            states.extend(lines(&mut client, sql));
        }
        done.store(true, Ordering::Relaxed);
        let (seen, reads) = reader.join().unwrap();
        assert!(reads > 5, "{reads} reads");
        (seen, states)
    });
    assert_eq!(states.len(), 4, "{states:?}");
    assert!(seen.is_subset(&states), "{seen:?} is not within {states:?}");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn snapshot_from_before_a_load_still_sees_the_old_rows() {
    let (work, schema) = mini();
    work.replace_inputs_with_synthetic(20000, 1);
    work.ok(&["run-all"]);
    let mut old = client(&schema);
    let sql = "SELECT concat_ws(' ', count(*), sum(event_count)) FROM mobile_events_compressed";
    let before = lines(&mut old, sql);
    let mut snapshot = old.build_transaction();
    snapshot = snapshot.isolation_level(postgres::IsolationLevel::RepeatableRead);
    let mut snapshot = snapshot.start().unwrap();
    // the snapshot is taken, but no table of ours has been read
    snapshot.query("SELECT 1", &[]).unwrap();
    work.replace_inputs_with_synthetic(10000, 2);
    work.ok(&["run-all"]);
    let seen: String = snapshot.query_one(sql, &[]).unwrap().get(0);
    assert_eq!(vec![seen], before);
    snapshot.commit().unwrap();
    assert_ne!(lines(&mut old, sql), before);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn read_only_roles_can_query() {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let cluster = Cluster::shared();
    let view = "view_users_per_lau_day_night";
    client(&schema)
        .batch_execute(&format!(
            "CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT USAGE ON SCHEMA {schema} TO reader; \
             GRANT SELECT ON {view}, lau TO reader; \
             CREATE ROLE auditor LOGIN PASSWORD 'a'; GRANT USAGE ON SCHEMA {schema} TO auditor; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO auditor"
        ))
        .unwrap();
    let superuser = format!("postgres:{}@", cluster.password());
    // the first role may read one view and one table, the second everything
    for role in ["reader:r@", "auditor:a@"] {
        work.postgis(&cluster.url_with(&superuser, role), &schema, "");
        assert_eq!(work.ok(&["query", view, "--format", "csv"]), expected(view), "{role}");
        let sql = "SELECT COUNT(*) AS n FROM lau";
        assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), "n\n4\n", "{role}");
    }
    work.fails(&["load", "--force"], 1, &["role auditor may not change", "GRANT \"postgres\""]);
    work.fails(&["views", "--refresh"], 1, &["role auditor may not change"]);
    work.postgis(&cluster.url_with(&superuser, "reader:r@"), &schema, "");
    work.fails(&["query", "agg_events_per_hour"], 1, &["permission denied", "agg_events_per_hour"]);
}
