//! The audit log: a line for each access to rows of single users, or no rows.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use serde_json::{Value, json};

use super::{Server, USER_ROWS, USER_ROWS_TOKEN, bearer, served};
use crate::harness::{Warehouse, Workspace, names_a_user, test_on_each_warehouse, wait_until};

const USERS: &str = "/number-of-unique-cells-per-user";

fn config(more: &str) -> String {
    format!("{USER_ROWS}audit_log = \"logs/audit.jsonl\"\n{more}")
}

/// The lines without the members that differ from run to run, which are checked.
fn lines(work: &Workspace) -> Vec<Value> {
    let text = work.read("logs/audit.jsonl");
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let fields = line.as_object_mut().unwrap();
        let time = fields.remove("time").unwrap();
        let time = time.as_str().unwrap();
        assert!(
            time.ends_with('Z') && time.parse::<chrono::DateTime<chrono::Utc>>().is_ok(),
            "{time}"
        );
        assert!(fields.remove("request_id").unwrap().as_str().unwrap().len() > 20);
        line
    };
    text.lines().map(line).collect()
}

fn pair(access: &Value, rows: u64) -> [Value; 2] {
    let line = |event: &str, rows: Value, outcome: Value| {
        let mut line = access.clone();
        line["event"] = event.into();
        line["rows"] = rows;
        line["outcome"] = outcome;
        line
    };
    [line("granted", Value::Null, Value::Null), line("ended", rows.into(), "complete".into())]
}

fn every_access_to_rows_of_single_users_is_recorded(warehouse: Warehouse) {
    let work = warehouse.loaded();
    fs::create_dir(work.path("logs")).unwrap();
    work.config(&config("trusted_proxies = [\"127.0.0.0/8\"]\n"));
    let server = Server::start(&work);
    let file = fs::metadata(work.path("logs/audit.jsonl")).unwrap();
    assert_eq!((file.mode() & 0o7777, file.len()), (0o600, 0));
    for path in ["/users-per-lau?format=csv", "/views", "/quality", "/tables/lau", "/summary"] {
        server.get(path).ok();
    }
    // no rows go out
    for path in [format!("{USERS}?user_id=aa01"), format!("{USERS}?order_by=aa01")] {
        assert_eq!(server.get(&path).status, 400, "{path}");
    }
    assert_eq!(lines(&work), [Value::Null; 0]);
    let access = json!({
        "via": "serve",
        "name": "serve.token",
        "address": "127.0.0.1",
        "relation": "agg_cell_count_per_user_per_day",
        "filters": { "date": "2024-10-01" },
        "format": "csv",
    });
    let csv = server.get(&format!("{USERS}?format=csv&date=2024-10-01")).ok();
    let rows = csv.lines().count() as u64 - 1;
    assert!(csv.contains("aa01") && rows > 1, "{csv}");
    let mut expected = pair(&access, rows).to_vec();
    assert_eq!(lines(&work), expected);
    // every representation, through a proxy
    let headers = [("x-forwarded-for", "6.6.6.6, 192.0.2.7")];
    for (query, format, filters, count) in [
        ("format=json&limit=2", "json", json!({ "limit": 2 }), 2),
        ("format=html&offset=1&limit=1", "html", json!({ "limit": 1, "offset": 1 }), 1),
        (
            "format=ndjson&from=2024-10-01&to=2024-10-02&order_by=user_id:desc&limit=3",
            "ndjson",
            json!({ "from": "2024-10-01", "to": "2024-10-02", "order_by": "user_id:desc", "limit": 3 }),
            3,
        ),
        ("format=parquet&limit=0", "parquet", json!({ "limit": 0 }), 0),
    ] {
        let got = server.ask("GET", &format!("/tables/mobile_events_compressed?{query}"), &headers);
        assert_eq!(got.status, 200, "{query}");
        let access = json!({
            "via": "serve",
            "name": "serve.token",
            "address": "192.0.2.7",
            "relation": "mobile_events_compressed",
            "filters": filters,
            "format": format,
        });
        expected.extend(pair(&access, count));
        assert_eq!(lines(&work), expected, "{query}");
        let last = work.read("logs/audit.jsonl");
        let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
        assert_eq!(last["request_id"], got.header("x-request-id"));
    }
    let log = work.read("logs/audit.jsonl") + &server.log();
    assert!(!names_a_user(&log) && !log.contains(USER_ROWS_TOKEN), "{log}");
    assert!(!server.log().contains("audit"), "{}", server.log());
}

test_on_each_warehouse!(every_access_to_rows_of_single_users_is_recorded);

#[test]
fn value_that_may_be_a_user_id_is_not_recorded() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write(
        "views/by_user.sql",
        "-- single_users: yes\n-- order: lau_id\n\
         SELECT user_id AS lau_id, COUNT(*) AS rows_of_user FROM mobile_events_compressed GROUP BY user_id\n",
    );
    fs::create_dir(work.path("logs")).unwrap();
    work.config(&config(""));
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let csv = server.get("/by_user?format=csv&lau=aa01").ok();
    assert!(csv.contains("aa01,"), "{csv}");
    assert!(!server.get("/by_user?user_id=bb02").text().is_empty());
    assert_eq!(lines(&work)[0]["filters"], json!({ "lau": "***" }));
    drop(server);
    // and on standard error
    work.config(USER_ROWS);
    let server = Server::start_with(&work, &["--verbose"]);
    server.get("/by_user?format=csv&lau=aa01").ok();
    server.get("/by_user?user_id=bb02");
    let log = server.log();
    assert!(log.contains("/by_user lau=*** 200"), "{log}");
    assert!(!names_a_user(&log), "{log}");
}

fn no_row_goes_out_without_an_audit_line(warehouse: Warehouse) {
    let work = warehouse.loaded();
    fs::create_dir(work.path("logs")).unwrap();
    work.config(&config(""));
    let server = Server::start(&work);
    server.get(USERS).ok();
    let before = lines(&work).len();
    fs::rename(work.path("logs"), work.path("elsewhere")).unwrap();
    for query in ["", "?format=csv", "?format=html", "?format=ndjson", "?format=parquet"] {
        for path in [USERS, "/tables/mobile_events_compressed"] {
            let got = server.get(&format!("{path}{query}"));
            assert_eq!(got.status, 503, "{path}{query}");
            let text = String::from_utf8_lossy(&got.body);
            assert!(text.contains("audit log") && !names_a_user(&text), "{path}{query}: {text}");
            assert!(!text.contains(&*work.path("").to_string_lossy()), "{text}");
        }
    }
    assert!(server.log().contains("logs/audit.jsonl"), "{}", server.log());
    server.get("/users-per-lau").ok();
    // as soon as it can be written again
    fs::rename(work.path("elsewhere"), work.path("logs")).unwrap();
    server.get(USERS).ok();
    assert_eq!(lines(&work).len(), before + 2);
}

test_on_each_warehouse!(no_row_goes_out_without_an_audit_line);

#[test]
fn full_disk_stops_rows_of_single_users() {
    let work = Workspace::loaded();
    work.config(&format!("{USER_ROWS}audit_log = \"/dev/full\"\n"));
    let server = Server::start(&work);
    for query in ["?format=csv", "?format=json", "?format=html"] {
        let got = server.get(&format!("{USERS}{query}"));
        assert_eq!(got.status, 503, "{query}");
        assert!(!names_a_user(&got.text()), "{}", got.text());
    }
    assert!(server.log().contains("/dev/full"), "{}", server.log());
    // without a file, the lines are those on standard error
    drop(server);
    work.config(USER_ROWS);
    let server =
        Server::start_on(&work, fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(server.get(&format!("{USERS}?format=csv")).status, 503);
    server.get("/users-per-lau").ok();
}

#[test]
fn rotated_log_is_replaced_and_symbolic_links_are_not_followed() {
    let work = Workspace::loaded();
    work.config(&config(""));
    let serve = ["serve", "--bind", "127.0.0.1:0"];
    work.fails(&serve, 1, &["serve.audit_log", "logs/audit.jsonl", "rows of single users"]);
    fs::create_dir(work.path("logs")).unwrap();
    work.write("elsewhere", "");
    symlink(work.path("elsewhere"), work.path("logs/audit.jsonl")).unwrap();
    work.fails(&serve, 1, &["logs/audit.jsonl", "symbolic link"]);
    work.fails(&["query", &USERS[1..]], 1, &["logs/audit.jsonl", "symbolic link"]);
    fs::remove_file(work.path("logs/audit.jsonl")).unwrap();
    let server = Server::start(&work);
    server.get(USERS).ok();
    assert_eq!(lines(&work).len(), 2);
    fs::rename(work.path("logs/audit.jsonl"), work.path("logs/audit.1")).unwrap();
    server.get(USERS).ok();
    assert_eq!(lines(&work).len(), 2);
    assert_eq!(fs::metadata(work.path("logs/audit.jsonl")).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(work.read("logs/audit.1").lines().count(), 2);
    assert_eq!(work.read("elsewhere"), "");
}

#[test]
fn access_that_ends_early_is_recorded_with_the_rows_read() {
    let work = Workspace::mini();
    fs::create_dir(work.path("logs")).unwrap();
    work.config(&config(""));
    work.replace_inputs_with_synthetic(150_000, 5);
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    let mut reader = server.reader("/tables/mobile_events_uncompressed?format=csv");
    std::io::Read::read_exact(&mut reader, &mut [0; 1 << 16]).unwrap();
    assert_eq!(lines(&work)[0]["event"], "granted");
    drop(reader);
    wait_until("the end is recorded", || lines(&work).len() == 2);
    let last = &lines(&work)[1];
    assert_eq!((&last["event"], &last["outcome"]), (&"ended".into(), &"aborted".into()));
    let rows = last["rows"].as_u64().unwrap();
    assert!(rows > 0 && rows < 300_000, "{rows}");
}

fn queries_on_the_command_line_are_recorded(warehouse: Warehouse) {
    let (work, server) = served(warehouse, "");
    drop(server);
    fs::create_dir(work.path("logs")).unwrap();
    work.config("[serve]\naudit_log = \"logs/audit.jsonl\"\n");
    work.ok(&["query", "users-per-lau", "--format", "csv"]);
    let counts =
        "SELECT date, COUNT(DISTINCT user_id) AS n FROM mobile_events_compressed GROUP BY date";
    work.ok(&["query", "--sql", counts]);
    assert!(!work.path("logs/audit.jsonl").exists());
    let name = whoami();
    let access = |relation: &str, filters: Value, format: &str| {
        json!({
            "via": "query",
            "name": name,
            "address": null,
            "relation": relation,
            "filters": filters,
            "format": format,
        })
    };
    let view = &USERS[1..];
    let csv = work.ok(&["query", view, "--date", "2024-10-02", "--format", "csv"]);
    let rows = csv.lines().count() as u64 - 1;
    let relation = "agg_cell_count_per_user_per_day";
    let mut expected =
        pair(&access(relation, json!({ "date": "2024-10-02" }), "csv"), rows).to_vec();
    assert_eq!(lines(&work), expected);
    work.ok(&["query", "mobile_events_compressed", "--limit", "2", "--output", "out.parquet"]);
    expected.extend(pair(&access("mobile_events_compressed", json!({ "limit": 2 }), "parquet"), 2));
    assert_eq!(lines(&work), expected);
    // an ad-hoc query, without the id in it
    let sql = "SELECT user_id, date FROM mobile_events_compressed WHERE user_id = 'aa01' LIMIT 1";
    work.ok(&["query", "--sql", sql]);
    let masked = "SELECT user_id, date FROM mobile_events_compressed WHERE user_id = ? LIMIT ?";
    expected.extend(pair(&access("--sql", json!({ "sql": masked }), "table"), 1));
    assert_eq!(lines(&work), expected);
    assert_eq!(fs::metadata(work.path("logs/audit.jsonl")).unwrap().mode() & 0o7777, 0o600);
    // where no line can be written, no row goes out
    fs::rename(work.path("logs"), work.path("elsewhere")).unwrap();
    for args in
        [&["query", view][..], &["query", view, "--output", "out.csv"], &["query", "--sql", sql]]
    {
        let ran = work.fails(args, 1, &["serve.audit_log", "logs/audit.jsonl"]);
        assert_eq!(ran.stdout, "");
    }
    assert!(!work.path("out.csv").exists());
}

test_on_each_warehouse!(queries_on_the_command_line_are_recorded);

/// The name of the user who runs the tests.
fn whoami() -> String {
    let output = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn audit_line_names_the_token() {
    let work = Workspace::loaded();
    let mut command = work.command(&["serve", "--bind", "127.0.0.1:0"]);
    work.config(
        "[serve]\nallow_user_rows = true\n[[serve.tokens]]\nname = \"analyst\"\nrole = \"user_rows\"\n\
         token_env = \"MOBILITY_TOKEN_ANALYST\"\n",
    );
    command.env("MOBILITY_TOKEN_ANALYST", USER_ROWS_TOKEN);
    let server = Server::spawned(&work, command);
    server.get_with(USERS, "authorization", &bearer(USER_ROWS_TOKEN)).ok();
    let log = server.log();
    assert!(log.contains(" /number-of-unique-cells-per-user - 200 analyst"), "{log}");
    assert!(!log.contains(USER_ROWS_TOKEN), "{log}");
}
