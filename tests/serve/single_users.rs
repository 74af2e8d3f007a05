//! Rows of single users are recognised in views whose text does not show them, and errors of the engine
//! show no value of a row.

use serde_json::Value;

use super::Server;
use crate::harness::{Warehouse, Workspace, names_a_user, test_on_each_warehouse};

/// Views of single users, by name.
const OF_USERS: [(&str, &str); 7] = [
    ("distinct_users", "SELECT DISTINCT user_id AS lau_name, date FROM mobile_events_compressed"),
    ("star", "SELECT * FROM agg_cell_count_per_user_per_day"),
    ("over_star", "WITH x AS (SELECT * FROM star) SELECT x.\"user_id\" AS person FROM x"),
    (
        "least_user",
        "SELECT date, MIN(user_id) AS first FROM mobile_events_compressed GROUP BY date",
    ),
    ("hidden", "SELECT COUNT(*) AS n FROM mobile_events_compressed GROUP BY user_id"),
    ("over_hidden", "SELECT n AS number FROM hidden"),
    ("declared", "-- single_users: yes\nSELECT COUNT(*) AS n FROM lau"),
];

/// Views whose text only looks like it, by name.
const OF_AGGREGATES: [(&str, &str); 2] = [
    (
        "selected",
        "-- title: Selected users, with user_id AS person\n\
         SELECT date, COUNT(DISTINCT user_id) AS user_id FROM mobile_events_compressed GROUP BY date",
    ),
    ("over_users", "SELECT COUNT(*) AS selected FROM over_star"),
];

fn write_views(work: &Workspace, views: &[(&str, &str)]) {
    work.copy_shipped_views();
    for (name, text) in views {
        work.write(&format!("views/{name}.sql"), format!("{text}\n"));
    }
}

fn views_of_single_users_are_recognised_by_their_plan(warehouse: Warehouse) {
    let work = warehouse.mini();
    write_views(&work, &[&OF_USERS[..], &OF_AGGREGATES].concat());
    work.ok(&["run-all"]);
    let listed = work.ok(&["views", "--list"]);
    let server = Server::start(&work);
    let routes = server.get("/openapi.json").json()["paths"].clone();
    let route = |name: &str| format!("/{}", name.replace('_', "-"));
    for (name, _) in OF_USERS {
        for query in ["", "?format=csv", "?format=html", "?limit=1"] {
            let got = server.get(&format!("{}{query}", route(name)));
            assert_eq!(got.status, 403, "{name}{query}: {}", got.text());
        }
        assert_eq!(routes[&route(name)]["get"]["x-single-users"], true, "{name}");
        assert!(listed.contains("rows of single users"), "{listed}");
    }
    for (name, _) in OF_AGGREGATES {
        server.get(&format!("{}?format=csv", route(name))).ok();
        assert_eq!(routes[&route(name)]["get"]["x-single-users"], false, "{name}");
    }
    let views = server.get("/views").json();
    for view in views["views"].as_array().unwrap() {
        let of_users = OF_USERS.iter().any(|(name, _)| view["view"] == *name);
        if of_users {
            assert_eq!((&view["single_users"], &view["allowed"]), (&true.into(), &false.into()));
        }
    }
    assert!(!server.log().contains("audit"), "{}", server.log());
    drop(server);
    work.ok(&["report", "--output", "report.html"]);
    let report = work.read("report.html");
    assert!(!names_a_user(&report), "{report}");
    let (_, data) = report.split_once("id=\"report-data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let routes = serde_json::from_str::<Value>(data).unwrap()["routes"].clone();
    assert!(routes["/selected"].is_object(), "{routes}");
    assert!(OF_USERS.iter().all(|(name, _)| routes[route(name)].is_null()), "{routes}");
    work.fails(&["report", "--view", "least-user", "--output", "x.svg"], 2, &["first", "user id"]);
}

test_on_each_warehouse!(views_of_single_users_are_recognised_by_their_plan);

fn header_that_contradicts_the_plan_is_refused(warehouse: Warehouse) {
    let work = warehouse.mini();
    for (name, text) in &OF_USERS[..6] {
        work.remove("views");
        write_views(&work, &OF_USERS);
        work.write(&format!("views/{name}.sql"), format!("-- single_users: no\n{text}\n"));
        let words = [&format!("{name}.sql"), "single_users: no", "remove the key"];
        for command in ["views", "run-all", "serve"] {
            work.fails(&[command], 1, &words);
        }
        let checked = work.run(&["check"]);
        let line = checked.stdout.lines().find(|line| line.starts_with("WRONG")).unwrap();
        assert!(words.iter().all(|word| line.contains(*word)), "{line}");
    }
    // true of an aggregate
    work.remove("views");
    write_views(&work, &[]);
    work.write(
        "views/rows_of_events.sql",
        "-- single_users: no\nSELECT COUNT(*) AS n FROM mobile_events_compressed",
    );
    assert!(work.ok(&["check"]).contains("15 views"));
}

test_on_each_warehouse!(header_that_contradicts_the_plan_is_refused);

fn only_the_log_quotes_the_value_of_a_failed_cast(warehouse: Warehouse) {
    let work = warehouse.mini();
    let sql = "SELECT date, COUNT(DISTINCT CAST(user_id AS BIGINT)) AS n\n\
               FROM mobile_events_compressed GROUP BY date";
    write_views(&work, &[("numbers", sql)]);
    let ran = work.fails(&["run-all"], 1, &["numbers.sql"]);
    assert!(names_a_user(&ran.stderr), "{}", ran.stderr);
    let id = id_in(&ran.stderr);
    let record = work.read("processed/runs.jsonl");
    let record: Value = serde_json::from_str(record.lines().last().unwrap()).unwrap();
    let error = record["error"].as_str().unwrap();
    for part in ["numbers.sql", "cannot be converted", &id] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert!(!names_a_user(&record.to_string()), "{record}");
    let server = Server::start(&work);
    let runs = server.get("/tables/runs?format=csv").ok();
    assert!(runs.contains(&id) && !names_a_user(&runs), "{runs}");
    for query in ["", "?format=csv", "?format=html", "?format=parquet"] {
        let got = server.get(&format!("/numbers{query}"));
        assert_eq!(got.status, 500, "{}", got.text());
        let text = got.text();
        assert!(text.contains("numbers") && text.contains("cannot be converted"), "{text}");
        assert!(!names_a_user(&text), "{text}");
        let id = id_in(&text);
        let log = server.log();
        let line = log.lines().find(|line| line.contains(&id)).unwrap();
        assert!(names_a_user(line), "{line}");
    }
}

test_on_each_warehouse!(only_the_log_quotes_the_value_of_a_failed_cast);

/// The id of the last error in a text.
fn id_in(text: &str) -> String {
    let (_, rest) = text.rsplit_once("(error ").unwrap_or_else(|| panic!("no id in {text}"));
    let id = rest[..8].to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    id
}

#[test]
fn queries_on_the_command_line_show_the_complete_message() {
    let work = Workspace::loaded();
    let sql = "SELECT CAST(user_id AS BIGINT) AS n FROM mobile_events_compressed";
    let ran = work.fails(&["query", "--sql", sql], 1, &["(error "]);
    assert!(names_a_user(&ran.stderr), "{}", ran.stderr);
}
