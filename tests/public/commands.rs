//! What the commands show to the public, and what they say where there is nothing to show.

use serde_json::json;

use super::store::{self, Release};
use crate::harness::Workspace;

#[test]
fn released_rows_are_shown_with_a_word_for_people_and_null_in_files() {
    let work = store::released();
    let query = |args: &[&str]| {
        work.ok(&[&["query", "complete", "--audience", "public", "--date", "2024-10-01"][..], args]
            .concat())
    };
    // 910000 + 3571 * 3 + 13, and one more
    assert_eq!(
        query(&["--format", "csv"]).replace("\r\n", "\n"),
        "date,lau_id,lau_name,devices,suppressed\n\
         2024-10-01,EE_0001,Õis linn,,true\n\
         2024-10-01,EE_0002,\"Maa, \"\"vald\"\"\",,true\n\
         2024-10-01,EE_0003,Saare vald,920726,false\n\
         2024-10-01,EE_0004,Tühi vald,924297,false\n"
    );
    let table = query(&[]);
    assert_eq!(table.matches("┆ suppressed ┆ true").count(), 2, "{table}");
    assert!(table.contains("┆    920,726 ┆ false"), "{table}");
    let markdown = query(&["--format", "markdown"]);
    assert!(markdown.contains("| Õis linn | suppressed | true |"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&query(&["--format", "json"])).unwrap();
    assert_eq!(json[0]["devices"], json!(null));
    assert_eq!(json[2]["devices"], json!(920_726));
    let geojson: serde_json::Value =
        serde_json::from_str(&query(&["--format", "geojson"])).unwrap();
    let of = |n: usize| geojson["features"][n]["properties"].clone();
    assert_eq!((&of(0)["devices"], &of(0)["suppressed"]), (&json!(null), &json!(true)));
    assert_eq!(of(3)["devices"], json!(924_297));
    // analysts see all of it, and no column more
    let exact = work.ok(&["query", "complete", "--date", "2024-10-01", "--format", "csv"]);
    assert!(
        exact.starts_with("date,lau_id,lau_name,devices") && exact.contains(",913584"),
        "{exact}"
    );
}

#[test]
fn order_is_that_of_the_view_over_all_files_and_withheld_numbers_come_last() {
    let work = store::released();
    let column = |args: &[&str], index: usize| -> Vec<String> {
        let args =
            [&["query", "complete", "--audience", "public", "--format", "tsv"][..], args].concat();
        let rows = work.ok(&args);
        rows.lines().skip(1).map(|row| row.split('\t').nth(index).unwrap().to_owned()).collect()
    };
    let days = column(&[], 0);
    assert_eq!(days, [["2024-10-01"; 4], ["2024-10-02"; 4]].concat());
    let numbers = column(&["--order-by", "devices"], 3);
    assert_eq!(numbers, ["920726", "920739", "924297", "924310", "", "", "", ""]);
    // ties are not broken by what is withheld
    let laus = column(&["--order-by", "devices"], 1);
    assert_eq!(laus[4..], ["EE_0001", "EE_0002", "EE_0001", "EE_0002"]);
}

#[test]
fn lists_have_what_was_released_and_the_audience_can_be_configured() {
    let work = store::released();
    for args in [&["query", "--list", "--audience", "public"][..], &["query", "--list"]] {
        let list = work.ok(args);
        for name in ["complete", "sparse", "by-day", "lau"] {
            assert!(
                list.lines().any(|line| line.split_whitespace().next() == Some(name)),
                "{list}"
            );
        }
        let is_public = args.contains(&"--audience");
        assert_eq!(list.contains("suppressed"), is_public, "{list}");
        for name in
            ["unreleased", "users-per-lau", "quality_daily", "unique-locations-per-user-per-day"]
        {
            let is_listed = list.lines().any(|line| line.split_whitespace().next() == Some(name));
            assert_eq!(is_listed, !is_public, "{name}: {list}");
        }
    }
    work.config("[publish]\naudience = \"public\"\n");
    let released = work.ok(&["query", "complete", "--format", "csv"]);
    assert!(released.contains(",,true") && !released.contains("913584"), "{released}");
    // who runs the program on the machine may see the exact numbers
    let exact = work.ok(&["query", "complete", "--format", "csv", "--audience", "analyst"]);
    assert!(exact.contains("913584"), "{exact}");
}

#[test]
fn public_gets_no_single_users_no_select_and_no_other_tables_and_is_told_why() {
    let work = store::released();
    for (args, words) in [
        (&["query", "--sql", "SELECT 1 AS n"][..], &["--sql is for analysts alone", "--lau"][..]),
        (&["query", "--sql", "DESCRIBE lau"], &["--sql is for analysts alone"]),
        (
            &["query", "unique-locations-per-user-per-day"],
            &["rows of single users", "--list --audience public"],
        ),
        (
            &["query", "mobile_events_compressed"],
            &["rows of single users", "--list --audience public"],
        ),
        (&["query", "segments"], &["rows of single users"]),
        (&["query", "quality_daily"], &["for analysts alone", "--list --audience public"]),
        (&["query", "runs"], &["for analysts alone"]),
        (&["query", "cell_plan"], &["was not released", "publish.cells = true"]),
        (&["query", "unreleased"], &["was not released", "mobility publish"]),
        (&["query", "nowhere"], &["no view or table"]),
        (
            &["report", "--people", "--output", "people.html"],
            &["for analysts alone", "without --people"],
        ),
        (&["report", "--view", "unreleased", "--output", "x.svg"], &["was not released"]),
    ] {
        let args = [args, &["--audience", "public"]].concat();
        work.fails(&args, 2, words);
    }
}

#[test]
fn empty_store_says_what_to_run() {
    let work = Workspace::loaded();
    let words = ["nothing has been published yet; run `mobility publish DIR`"];
    for args in
        [&["query", "users-per-lau"][..], &["query", "lau"], &["report", "--output", "x.html"]]
    {
        let ran = work.run(&[args, &["--audience", "public"]].concat());
        assert!(ran.status != 0 && ran.stderr.contains(words[0]), "{args:?}: {}", ran.stderr);
    }
    let list = work.ok(&["query", "--list", "--audience", "public"]);
    assert!(list.contains("Released views"), "{list}");
}

#[test]
fn files_of_other_dates_are_not_opened() {
    let work = Workspace::loaded();
    store::with_views(&work, "");
    let complete = Release { view: "complete", measures: &["devices"], is_complete: true };
    store::publish(&work, store::MIN, &[complete]);
    work.write("data/published/tables/complete/2024-10-02.0a.parquet", "damaged");
    let query = ["query", "complete", "--audience", "public"];
    let first = work.ok(&[&query[..], &["--date", "2024-10-01", "--format", "csv"]].concat());
    assert_eq!(first.lines().count(), 5, "{first}");
    let words = ["2024-10-02.0a.parquet", "missing or damaged"];
    work.fails(&[&query[..], &["--date", "2024-10-02"]].concat(), 1, &words);
}
