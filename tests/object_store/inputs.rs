//! Inputs in an object store.

use super::s3_server::{Store, configure, outputs, pages, web_server, workspace_on_store};
use arrow::array::{BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray};

use crate::harness::{
    EXAMPLE_VIEWS, Workspace, array, copy, expected, mini_events_by_user, root, write_parquet,
};
use crate::postgis::{Cluster, new_schema};

const EVENTS: &str = "s3://data/events";
const FIRST: &str = "events/year=2024/month=10/day=1/part-0.parquet";

fn presence(work: &Workspace) -> Vec<(String, Vec<u8>)> {
    outputs(&work.path("processed/compressed_events"))
}

#[test]
fn inputs_in_an_object_store_give_the_bytes_of_local_inputs() {
    let (store, work, local) = (Store::mini(), workspace_on_store(EVENTS, ""), Workspace::mini());
    store.ok(&work, &["run-all"]);
    local.ok(&["run-all"]);
    let found = presence(&work);
    assert_eq!(found.len(), 2);
    // footers contain the locations of the inputs
    assert_eq!(pages(&found), pages(&presence(&local)));
    for (name, view) in EXAMPLE_VIEWS {
        let answer = store.ok(&work, &["query", name, "--format", "csv"]);
        assert_eq!(answer, expected(view), "{name}");
    }
    let sql = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed ORDER BY 1, 3, 2";
    let raw = store.ok(&work, &["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(raw, mini_events_by_user());
    let cells = ["query", "--sql", "SELECT * FROM cell_plan ORDER BY 1, 4", "--format", "csv"];
    assert_eq!(store.ok(&work, &cells), local.ok(&cells));
    // the inputs are not copied to this machine
    assert!(!work.path("raw").exists() && !work.path("data").exists());
}

#[test]
fn second_run_reads_nothing_and_a_new_object_only_its_dates() {
    let (store, work) = (Store::mini(), workspace_on_store(EVENTS, ""));
    store.ok(&work, &["run-all"]);
    store.requests();
    store.ok(&work, &["run-all"]);
    let bodies = |requests: &[String], name: &str| -> usize {
        requests.iter().filter(|r| r.starts_with("GET") && r.contains(name)).count()
    };
    let second = store.requests();
    assert_eq!(bodies(&second, "part-0"), 0, "{second:?}");
    // noon of 5 October, in a folder of another form
    let noon_us = 1_728_129_600_000_000;
    let columns = vec![
        ("user_id", array(BinaryArray::from_iter_values([b"abcd"]))),
        ("cell_id", array(Int64Array::from(vec![100]))),
        ("timestamp", array(TimestampMicrosecondArray::from(vec![noon_us]))),
    ];
    std::fs::create_dir_all(store.path("events/date=2024-10-05")).unwrap();
    write_parquet(&store.path("events/date=2024-10-05/new.parquet"), columns, 100);
    let third = store.run(&work, &["compress"]);
    assert!(third.stderr.contains("1 date compressed, 2 dates unchanged"), "{}", third.stderr);
    let third = store.requests();
    assert!(bodies(&third, "new.parquet") > 0, "{third:?}");
    assert_eq!(bodies(&third, "part-0"), 0, "{third:?}");
}

#[test]
fn objects_lists_and_patterns_name_inputs_and_hidden_names_are_ignored() {
    let store = Store::mini();
    std::fs::create_dir_all(store.path("events/_temporary")).unwrap();
    std::fs::write(store.path("events/_temporary/half.parquet"), "half").unwrap();
    std::fs::write(store.path("events/year=2024/.hidden.parquet"), "half").unwrap();
    for (events, rows, files) in [
        (EVENTS.to_owned(), "26 rows", "2 files"),
        ("s3://data/events/".to_owned(), "26 rows", "2 files"),
        (format!("s3://data/{FIRST}"), "rows", "1 file"),
        ("s3://data/events/year=2024/month=10/day=*".to_owned(), "26 rows", "2 files"),
        ("s3://data/events/*/*/day=2/*.parquet".to_owned(), "rows", "1 file"),
    ] {
        let work = workspace_on_store(&events, "");
        let printed = store.ok(&work, &["check"]);
        assert!(printed.contains(rows) && printed.contains(files), "{events}: {printed}");
    }
}

#[test]
fn names_with_brackets_spaces_and_signs_are_read_and_matched() {
    let store = Store::empty();
    let folder = "odd [2]/100% + \u{f5}%41";
    for (name, from) in [("a[2].parquet", 1), ("a2.parquet", 2)] {
        let path = store.path(&format!("{folder}/{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let day = format!("fixtures/mini/events/year=2024/month=10/day={from}/part-0.parquet");
        std::fs::copy(root().join(day), path).unwrap();
    }
    let encoded = "s3://data/odd%20%5B2%5D/100%25%20+%20%C3%B5%2541";
    for (events, files) in [
        (encoded.to_owned(), "2 files"),
        // as it is shown, apart from percent signs before digits
        ("s3://data/odd [2]/100% + \u{f5}%2541/".to_owned(), "2 files"),
        ("s3://data/odd [2]/*".to_owned(), "no object matches"),
        ("s3://data/odd %5B2%5D/*".to_owned(), "2 files"),
        ("s3://data/odd*/100%25 + */a2.*".to_owned(), "1 file"),
        (format!("{encoded}/a%5B2%5D.parquet"), "1 file"),
        (format!("{encoded}/a[2].parquet"), "1 file"),
        (format!("{encoded}/*[[]2].parquet"), "1 file"),
        (format!("{encoded}/a[12].p*"), "1 file"),
        (format!("{encoded}/a[1].parquet"), "%5B"),
        ("s3://data//odd".to_owned(), "(//)"),
        (format!("{encoded}/\\n"), "2 files"),
    ] {
        let work = workspace_on_store(&events, "");
        let ran = store.run(&work, &["check"]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        let line = printed.lines().find(|line| line.contains(" events ")).unwrap();
        assert!(line.contains(files), "{events}: {line}");
    }
    // of the variable as well
    let work = workspace_on_store(EVENTS, "");
    let mut command = work.command(&["check"]);
    let command =
        command.envs(store.env(store.port)).env("MOBILITY_DATA_EVENTS", format!("{encoded}\n"));
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(printed.contains("in 2 files"), "{printed}");
}

#[test]
fn object_store_errors_name_the_remedy_and_no_secret() {
    let store = Store::mini();
    for (events, words) in [
        ("s3://data/nothing/here", ["s3://data/nothing/here does not exist", "data.events"]),
        ("s3://other/events", ["the bucket \"other\" does not exist", "correct the URL"]),
        (
            "s3://data/lau",
            [
                "no .parquet or .parq or .pq or .csv or .csv.gz or .csv.zst or .tsv or .tsv.gz or .tsv.zst file in s3://data/lau",
                "other files",
            ],
        ),
        ("s3://data/events/x*", ["no .parquet", "s3://data/events/x*"]),
        ("s3://key:hunter2@data/events", ["credentials do not belong in the URL", "environment"]),
        ("ftp://data/events", ["ftp:// cannot be read", "s3://"]),
    ] {
        let work = workspace_on_store(events, "");
        let ran = store.fails(&work, &["check"], &words);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{}", ran.stdout);
        store.fails(&work, &["compress"], &words);
    }
    let work = workspace_on_store(EVENTS, "");
    for (name, value, words) in [
        (
            "AWS_SECRET_ACCESS_KEY",
            "another-secret",
            ["does not know these credentials", "AWS_SECRET_ACCESS_KEY"],
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "AKIDANOTHER",
            ["does not know these credentials", "AWS_ACCESS_KEY_ID"],
        ),
        ("AWS_SKIP_SIGNATURE", "true", ["no access", "AWS_ACCESS_KEY_ID"]),
        ("AWS_ALLOW_HTTP", "false", ["without TLS", "AWS_ALLOW_HTTP=true"]),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", ["cannot be reached", "s3://data/events"]),
    ] {
        let mut command = work.command(&["check"]);
        let output = command.envs(store.env(store.port)).env(name, value).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        for word in words {
            assert!(printed.contains(word), "{name}: no {word:?} in {printed}");
        }
        assert!(
            !printed.contains("another-secret") && !printed.contains("AKIDANOTHER"),
            "{printed}"
        );
    }
}

#[test]
fn secrets_of_an_object_store_are_never_shown() {
    let store = Store::mini();
    let work = workspace_on_store(EVENTS, "");
    let signed = web_server(&root().join("fixtures/mini/cells/plan.parquet"), true);
    let url = format!("http://me:hunter2@127.0.0.1:{signed}/plan.parquet?X-Amz-Signature=hunter2");
    let config = work.read("pipeline.toml").replace("s3://data/cells", &url);
    work.write("pipeline.toml", config);
    for args in [
        ["run-all", "--log-format", "json", "--verbose"].as_slice(),
        &["runs", "--format", "json"],
        &["check"],
    ] {
        let ran = store.run(&work, args);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{}", ran.stderr);
    }
    for file in ["processed/runs.jsonl", "processed/compressed_events.json"] {
        let text = work.read(file);
        assert!(text.contains("s3://data/events"), "{text}");
        for secret in ["hunter2", super::s3_server::SECRET, super::s3_server::KEY] {
            assert!(!text.contains(secret), "{file}");
        }
    }
}

#[test]
fn web_server_without_range_requests_is_rejected_with_the_remedy() {
    let store = Store::mini();
    let file = root().join("fixtures/mini").join(FIRST);
    let url =
        |ranges| format!("http://127.0.0.1:{}/a.parquet?sig=hunter2", web_server(&file, ranges));
    let work = workspace_on_store(&url(true), "");
    assert!(store.ok(&work, &["check"]).contains("1 file"));
    configure(&work, &url(false), "");
    let words = ["whole files only", "copy the file to a folder"];
    let ran = store.fails(&work, &["check"], &words);
    assert!(!ran.stdout.contains("hunter2"), "{}", ran.stdout);
}

#[test]
fn local_and_remote_inputs_can_be_combined() {
    let store = Store::mini();
    let work = workspace_on_store("raw/events", "");
    copy(&root().join("fixtures/mini/events"), &work.path("raw/events"));
    let sql = "SELECT cell_id, MIN(latitude) AS latitude, MIN(longitude) AS longitude \
        FROM cell_plan GROUP BY cell_id ORDER BY cell_id";
    let local = Workspace::loaded();
    std::fs::remove_file(store.path("cells/plan.parquet")).unwrap();
    let csv = local.ok(&["query", "--sql", sql, "--format", "csv"]);
    std::fs::write(store.path("cells/plan.csv"), &csv).unwrap();
    store.ok(&work, &["run-all"]);
    assert_eq!(store.ok(&work, &["query", "--sql", sql, "--format", "csv"]), csv);
}

#[test]
fn since_reads_only_the_footers_of_earlier_days() {
    let (store, work) =
        (super::broken_connections::store_of_two_days(), workspace_on_store(EVENTS, ""));
    store.requests();
    store.ok(&work, &["compress", "--since", "2024-10-02"]);
    let requests = store.requests();
    let of_day = |day: u32| {
        let gets = requests.iter().filter(|r| r.starts_with("GET /data/events/"));
        gets.filter(|r| r.contains(&format!("day%3D{day}/"))).count()
    };
    let files = |day: u32| {
        let pattern = store.path(&format!("events/year=2024/month=10/day={day}/*.parquet"));
        glob::glob(&pattern.to_string_lossy()).unwrap().count()
    };
    assert!(files(1) > 0 && files(2) > 0);
    assert_eq!(of_day(1), files(1), "{requests:?}");
    assert!(of_day(2) > files(2), "{requests:?}");
    let found = presence(&work);
    assert!(!found.is_empty() && found.iter().all(|(name, _)| name.contains("2024-10-02")));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn raw_events_in_a_store_are_loaded_into_postgis() {
    let (store, work) = (Store::mini(), workspace_on_store(EVENTS, ""));
    let schema = new_schema();
    let url = &Cluster::shared().url;
    let config = work.read("pipeline.toml").replace(
        "url = \"embedded:warehouse\"",
        &format!("url = \"{url}\"\nschema = \"{schema}\"\n[load]\nuncompressed = true"),
    );
    work.write("pipeline.toml", config);
    store.ok(&work, &["run-all"]);
    let sql = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed \
        ORDER BY user_id, timestamp, cell_id";
    let raw = store.ok(&work, &["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(raw, mini_events_by_user());
}

#[test]
fn time_stamps_as_text_are_read_from_an_object_store() {
    let (store, local) = (Store::mini(), Workspace::mini());
    let columns = || {
        vec![
            ("user_id", array(StringArray::from(vec!["u1", "u2", "u1"]))),
            ("cell_id", array(StringArray::from(vec!["100", "100", "200"]))),
            (
                "timestamp",
                array(StringArray::from(vec![
                    "2024-10-03 08:00:00",
                    "2024-10-03 09:00:00",
                    "2024-10-04 10:00:00",
                ])),
            ),
        ]
    };
    let name = "year=2024/month=10/day=3/text.parquet";
    let object = store.path("events").join(name);
    std::fs::create_dir_all(object.parent().unwrap()).unwrap();
    write_parquet(&object, columns(), 2);
    local.write_events(name, columns());
    let work = workspace_on_store(EVENTS, "");
    store.ok(&work, &["run-all"]);
    local.ok(&["run-all"]);
    let sql = "SELECT * FROM mobile_events_compressed ORDER BY 1, 2, 3, 4";
    let args = ["query", "--sql", sql, "--format", "csv"];
    let found = store.ok(&work, &args);
    assert!(found.contains("2024-10-04 10:00:00"), "{found}");
    assert_eq!(found, local.ok(&args));
}

#[test]
fn objects_that_are_not_read_are_named() {
    let store = Store::mini();
    std::fs::write(store.path("events/day3.csv.bz2"), "x").unwrap();
    std::fs::write(store.path("events/_SUCCESS"), "x").unwrap();
    std::fs::write(store.path("events/README.md"), "x").unwrap();
    for events in [EVENTS, "s3://data/events/*"] {
        let work = workspace_on_store(events, "");
        for command in ["check", "compress"] {
            let ran = store.run(&work, &[command]);
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.status, 0, "{printed}");
            assert!(printed.contains("s3://data/events/day3.csv.bz2 is not read"), "{printed}");
        }
    }
    std::fs::remove_file(store.path("events/day3.csv.bz2")).unwrap();
    let work = workspace_on_store(EVENTS, "");
    assert!(!store.ok(&work, &["check"]).contains("not read"));
    std::fs::write(store.path("lau/borders.kml"), "x").unwrap();
    let geojoin = store.run(&work, &["geojoin"]);
    assert!(geojoin.stderr.contains("s3://data/lau/borders.kml is not read"), "{}", geojoin.stderr);
}

#[test]
fn a_geopackage_with_changes_in_another_object_is_refused() {
    let store = Store::mini();
    std::fs::remove_file(store.path("lau/lau.geojson")).unwrap();
    std::fs::copy(root().join("fixtures/formats/parts.gpkg"), store.path("lau/parts.gpkg"))
        .unwrap();
    let work = workspace_on_store(EVENTS, "");
    store.ok(&work, &["geojoin"]);
    for ending in ["-wal", "-journal"] {
        let beside = store.path(&format!("lau/parts.gpkg{ending}"));
        std::fs::write(&beside, "").unwrap();
        store.ok(&work, &["geojoin", "--force"]);
        std::fs::write(&beside, "changes").unwrap();
        let name = format!("s3://data/lau/parts.gpkg{ending}");
        store.fails(&work, &["geojoin"], &[&name, "upload it again"]);
        std::fs::remove_file(beside).unwrap();
    }
}
