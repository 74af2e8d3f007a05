//! Invalid CSV: unusable rows are counted, unreadable files are rejected.

use super::{gzipped, mini_csv, with, zstandard};
use crate::harness::{Warehouse, Workspace, columns_as_csv};

const HEADER: &str = "user_id,cell_id,timestamp\n";

/// Expects `compress` to fail with these words.
fn assert_rejected(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) {
    let work = with(&[(name, bytes.as_ref().to_vec())]);
    work.fails(&["compress"], 1, &[&[name], words].concat());
    assert!(!work.path("processed/compressed_events").exists());
}

#[test]
fn invalid_headers_are_rejected() {
    assert_rejected("a.csv", "", &["empty", "names of the columns"]);
    assert_rejected(
        "a.csv",
        "aa01,100,2024-10-01 06:59:59\n",
        &["user_id", "first line names the columns"],
    );
    assert_rejected(
        "a.csv",
        "user,cell_id,timestamp\n",
        &["did you mean columns.user_id = \"user\"?"],
    );
    assert_rejected(
        "a.csv",
        mini_csv().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        &["not UTF-8 text"],
    );
}

#[test]
fn rows_with_too_few_or_too_many_fields_are_named() {
    let good = "aa01,100,2024-10-01 06:59:59\n";
    let cut = format!("{HEADER}{good}{good}aa01,10");
    assert_rejected("a.csv", &cut, &["row 3: 2 fields where the header has 3", "truncated"]);
    assert_rejected("a.csv.gz", gzipped(&cut), &["row 3: 2 fields"]);
    assert_rejected(
        "a.csv",
        format!("{HEADER}{good}aa01,1,00,2024-10-01 06:59:59\n"),
        &["row 2: 4 fields"],
    );
    // also in a file that needs the general CSV reader
    let lines = format!("{HEADER}\"aa\n01\",100,2024-10-01 06:59:59\naa01\n");
    assert_rejected("a.csv", lines, &["row 2: 1 field"]);
}

#[test]
fn an_unclosed_quote_is_rejected_with_its_row() {
    let good = "aa01,100,2024-10-01 06:59:59\n";
    let text = format!("{HEADER}{good}aa\",100,\"2024-10-01 06:59:59\r\n{good}{good}");
    let words = ["row 2: a field begins with a quote that is never closed"];
    assert_rejected("a.csv", &text, &words);
    assert_rejected("a.csv.gz", gzipped(&text), &words);
    assert_rejected("a.csv", "\"user_id,cell_id,timestamp\n", &["never closed"]);
}

#[test]
fn truncated_and_foreign_files_are_rejected() {
    let text = mini_csv().repeat(40);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let words = ["damaged", "copy the file again"];
    assert_rejected("a.csv.gz", half(gzipped(&text)), &words);
    assert_rejected("a.csv.zst", half(zstandard(&text)), &words);
    let mut damaged = gzipped(&text);
    damaged[0] ^= 1;
    assert_rejected("a.csv.gz", damaged, &words);
    assert_rejected(
        "a.csv",
        [HEADER.as_bytes(), b"\xff\xfe,1,2024-10-01 06:59:59\n"].concat(),
        &["row 1", "not UTF-8"],
    );
}

#[test]
fn unusable_rows_are_reported_with_their_row_number() {
    let rows = [
        "aa01,100,2024-10-01 06:59:59",
        ",100,2024-10-01 07:00:00",
        "aa01,,2024-10-01 07:00:00",
        "aa01,100,",
        "aa01,100,soon",
        "aa01,100,3024-10-01 07:00:00",
        "aa01,100,2024-10-01 06:59:59",
        "\"\",100,2024-10-01 07:00:00",
    ];
    let text = format!("{HEADER}{}\n", rows.join("\n"));
    for (name, bytes) in [("a.csv", text.clone().into_bytes()), ("a.csv.zst", zstandard(&text))] {
        let name = format!("date=2024-10-01/{name}");
        let work = with(&[(&name, bytes)]);
        work.config("[checks]\nquarantine = true\n");
        let ran = work.run(&["compress"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{name}, row 2")), "{}", ran.stderr);
        let path = work.path("processed/quarantine/date=2024-10-01/rows.parquet");
        assert_eq!(
            columns_as_csv(&path, &["row", "code"]),
            "row,code\n2,user_missing\n3,cell_missing\n4,time_missing\n5,time_unreadable\n\
             6,time_future\n7,duplicate\n8,user_missing\n"
        );
    }
}

#[test]
fn check_reads_only_the_header_of_csv() {
    let work = with(&[("a.csv", mini_csv().into_bytes())]);
    assert!(work.ok(&["check"]).contains("1 file in CSV with a valid header"));
    work.remove("raw/events/a.csv");
    work.write("raw/events/a.csv", "user,cell_id,timestamp\n");
    let printed = work.run(&["check"]);
    assert!(
        printed.status == 1 && printed.stdout.contains("columns.user_id"),
        "{}{}",
        printed.stdout,
        printed.stderr
    );
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn raw_events_in_csv_are_loaded_into_postgis() {
    let mut answers = Vec::new();
    for work in [Warehouse::Embedded, Warehouse::Postgis].map(Warehouse::mini) {
        work.remove("raw/events");
        let text = mini_csv() + "bb,,soon\n,400,2024-10-01 08:00:00\n";
        work.write("raw/events/a.csv.gz", gzipped(&text));
        work.config("[load]\nuncompressed = true\n");
        work.ok(&["run-all"]);
        let sql = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed \
            ORDER BY user_id, cell_id, timestamp";
        answers.push(work.ok(&["query", "--sql", sql, "--format", "csv"]));
    }
    assert_eq!(answers[0].lines().count(), 29);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn file_with_an_unknown_extension_is_not_a_cell_plan() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/plan.csv.txt", "cell_id,latitude,longitude\n1,59,10\n");
    work.fails(
        &["geojoin"],
        1,
        &["data.cells", "no .parquet or .parq or .pq or .csv or .csv.gz or .csv.zst or .tsv"],
    );
}
