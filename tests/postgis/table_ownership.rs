//! Small tables: created if an older version of the program has not done so, and never taken over
//! from others.

use super::{Cluster, client, mini, new_schema};
use crate::harness::Workspace;
use crate::quality::{CODES, DAILY, three_dates};

fn daily(work: &Workspace) -> String {
    work.ok(&["query", "quality_daily", "--format", "csv"])
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn missing_small_tables_are_empty_and_created_by_the_next_load() {
    let (work, schema) = mini();
    three_dates(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    assert_eq!(daily(&work), DAILY);
    let mut client = client(&schema);
    client.batch_execute("DROP TABLE quality_daily, quality_codes").unwrap();
    let headings: Vec<&str> = DAILY.lines().take(1).collect();
    assert_eq!(daily(&work).lines().collect::<Vec<_>>(), headings);
    assert_eq!(work.ok(&["query", "quality_codes", "--format", "json"]).trim(), "[]");
    work.ok(&["check"]);
    work.ok(&["load", "--force", "--quiet"]);
    assert_eq!(daily(&work), DAILY);
    let comments = super::lines(
        &mut client,
        "SELECT obj_description(to_regclass(t), 'pg_class') FROM unnest(ARRAY['quality_daily', 'quality_codes']) t",
    );
    assert!(comments.iter().all(|c| c.starts_with("mobility: ")), "{comments:?}");
    // column types are those of the contract
    let types = super::lines(
        &mut client,
        "SELECT string_agg(data_type::text || ' ' || is_nullable, ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_name = 'quality_codes' AND table_schema = current_schema()",
    );
    assert_eq!(
        types,
        ["date YES, text NO, text NO, text NO, bigint NO, double precision NO, boolean NO"]
    );
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn outdated_columns_are_recreated() {
    let (work, schema) = mini();
    three_dates(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    let mut client = client(&schema);
    client.batch_execute("ALTER TABLE quality_codes DROP COLUMN late").unwrap();
    work.ok(&["load", "--force", "--quiet"]);
    assert_eq!(work.ok(&["query", "quality_codes", "--format", "csv"]), CODES);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn columns_that_an_earlier_version_lacks_are_null_until_the_next_load() {
    let (work, schema) = mini();
    work.ok(&["run-all", "--quiet"]);
    let loaded = daily(&work);
    // whether each date has its share of stays
    let shares = |csv: &str| -> Vec<bool> {
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let place = lines.next().unwrap().iter().position(|name| *name == "stay_share").unwrap();
        lines.map(|row| !row[place].is_empty()).collect()
    };
    assert_eq!(shares(&loaded), [true, true]);
    let mut client = client(&schema);
    let earlier =
        "ALTER TABLE quality_daily DROP COLUMN stay_share, DROP COLUMN returning_trips_share";
    client.batch_execute(earlier).unwrap();
    assert_eq!(shares(&daily(&work)), [false, false]);
    work.ok(&["load", "--force", "--quiet"]);
    assert_eq!(daily(&work), loaded);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn column_under_its_former_name_is_read_and_renamed_by_the_next_load() {
    let (work, schema) = mini();
    three_dates(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    let mut client = client(&schema);
    client.batch_execute("ALTER TABLE quality_codes RENAME COLUMN disposition TO fate").unwrap();
    assert_eq!(work.ok(&["query", "quality_codes", "--format", "csv"]), CODES);
    work.ok(&["load", "--force", "--quiet"]);
    let sql = "SELECT disposition FROM quality_codes WHERE code = 'duplicate'";
    let rows = work.ok(&["query", "--format", "csv", "--sql", sql]);
    assert_eq!(rows, "disposition\nrejected\n");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn foreign_table_is_named_and_left_unchanged() {
    let schema = new_schema();
    let work = Workspace::mini();
    work.postgis(&Cluster::shared().url, &schema, "");
    three_dates(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    let mut client = client(&schema);
    client
        .batch_execute("DROP TABLE quality_daily; CREATE TABLE quality_daily (precious integer)")
        .unwrap();
    let words = ["a table quality_daily with the columns precious", "did not make"];
    work.fails(&["load", "--force"], 1, &words);
    client.batch_execute("SELECT precious FROM quality_daily").unwrap();
}
