//! Access: tokens, addresses, host names, rows of single users, and the end of the server.

use std::io::Read;

use super::{Server, USER_ROWS, embedded, served};
use crate::harness::{Warehouse, Workspace, names_a_user, test_on_each_warehouse};

const TOKEN: &str = "0123456789abcdef-token";

fn rows_of_single_users_need_permission_and_are_audited(warehouse: Warehouse) {
    let (work, server) = served(warehouse, "");
    let paths = [
        "/number-of-unique-cells-per-user",
        "/unique_locations_per_user_per_day",
        "/tables/mobile_events_compressed",
        "/table/mobile-events-uncompressed",
    ];
    for path in paths {
        for query in ["", "?format=csv", "?format=html", "?limit=1", "?nonsense=1"] {
            let got = server.get(&format!("{path}{query}"));
            assert_eq!(got.status, 403, "{path}{query}");
            assert!(!names_a_user(&got.text()), "{path}");
        }
        assert_eq!(server.ask("HEAD", path, &[]).status, 403);
    }
    assert!(!server.log().contains("audit"), "{}", server.log());
    drop(server);
    work.config(USER_ROWS);
    let server = Server::start(&work);
    let got = server.get("/number-of-unique-cells-per-user?format=csv&date=2024-10-01");
    assert_eq!(got.header("cache-control"), "no-store");
    assert!(got.ok().contains("aa01,2024-10-01,2"));
    let log = server.log();
    for part in ["audit: 2", "127.0.0.1 /number-of-unique-cells-per-user", "date=2024-10-01 200"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    server.get("/users-per-lau").ok();
    assert_eq!(server.log().matches("audit").count(), 1);
}

test_on_each_warehouse!(rows_of_single_users_need_permission_and_are_audited);

#[test]
fn every_route_but_health_needs_the_token() {
    let work = Workspace::loaded();
    work.config(&format!("[serve]\ntoken = \"{TOKEN}\"\n"));
    let server = Server::start_with(&work, &["--verbose"]);
    for path in ["/", "/users-per-lau", "/metrics", "/assets/pages.css", "/nothing", "/docs"] {
        let got = server.get(path);
        assert_eq!(got.status, 401, "{path}");
        assert!(got.headers.get_all("www-authenticate").iter().count() == 2, "{path}");
        assert!(!got.text().contains(TOKEN));
    }
    let wrong = server.get_with("/", "authorization", "Bearer 0123456789abcdef");
    assert_eq!(wrong.status, 401);
    for value in [
        format!("Bearer {TOKEN}"),
        // me:TOKEN
        "Basic bWU6MDEyMzQ1Njc4OWFiY2RlZi10b2tlbg==".to_owned(),
    ] {
        assert_eq!(server.get_with("/users-per-lau", "authorization", &value).status, 200);
    }
    assert_eq!(server.get("/health").status, 200);
    assert!(!server.log().contains(TOKEN), "{}", server.log());
    assert!(server.log().contains("GET /users-per-lau 200"), "{}", server.log());
}

#[test]
fn public_address_needs_a_token_or_insecure() {
    let work = Workspace::loaded();
    let bind = ["serve", "--bind", "0.0.0.0:0"];
    work.fails(&bind, 2, &["MOBILITY_SERVE_TOKEN", "--insecure", "0.0.0.0:0"]);
    for (args, variable) in [(vec!["--insecure"], None), (vec![], Some(TOKEN))] {
        let mut command = work.command(&bind);
        command.args(args).envs(variable.map(|token| ("MOBILITY_SERVE_TOKEN", token)));
        command.env("MOBILITY_SERVE_BEHIND_TLS_PROXY", "true");
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.starts_with("http://0.0.0.0:"), "{line}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    work.fails(&["serve", "--bind", &address], 1, &[&address, "taken", "--bind"]);
    work.fails(&["serve", "--bind", "nowhere"], 1, &["serve.bind", "127.0.0.1:5000"]);
}

#[test]
fn unknown_host_names_are_rejected() {
    let (_work, server) = embedded();
    for host in ["localhost", "localhost:1234", "127.0.0.1:80", "[::1]:80"] {
        assert_eq!(server.get_with("/users-per-lau", "host", host).status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "evil.example:5000"] {
        let got = server.get_with("/users-per-lau", "host", host);
        assert_eq!(got.status, 421, "{host}");
        assert!(got.text().contains("localhost"));
    }
}

#[test]
fn view_named_like_a_route_is_rejected() {
    let work = Workspace::mini();
    work.write("views/map.sql", "-- name: map\n-- view: my_map\nSELECT lau_id FROM lau\n");
    work.config("");
    work.fails(&["serve", "--bind", "127.0.0.1:0"], 1, &["map.sql", "/map", "another name"]);
}

#[test]
fn added_view_becomes_a_route_and_a_failing_one_is_reported() {
    let work = Workspace::mini();
    work.write("views/units.sql", "-- order: lau_id\nSELECT lau_id, country_code FROM lau\n");
    work.write("views/wrong.sql", "SELECT nothing FROM lau\n");
    work.config("");
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let server = Server::start(&work);
    assert_eq!(server.get("/units?format=csv&limit=1").ok(), "lau_id,country_code\nEE_0001,EE\n");
    let got = server.get("/wrong");
    assert_eq!(got.status, 500);
    assert!(got.text().contains("wrong.sql") && got.text().contains("nothing"), "{}", got.text());
    assert!(server.log().contains("wrong.sql"), "{}", server.log());
}

#[test]
fn signal_ends_the_server_after_the_response_in_progress() {
    let work = Workspace::mini();
    // 11 MB, more than the buffers between server and client hold
    let cells = ["a", "b", "c", "d", "e"].map(|name| format!("cell_plan {name}"));
    let sql =
        format!("SELECT a.cell_id || repeat('-', 100) AS x FROM {}\n", cells.join(" CROSS JOIN "));
    work.write("views/many.sql", sql);
    work.config("");
    work.ok(&["run-all", "--quiet"]);
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&work);
        let mut answer = server.reader("/many?format=csv");
        let mut start = [0; 100];
        answer.read_exact(&mut start).unwrap();
        server.signal(signal);
        let mut rest = String::new();
        answer.read_to_string(&mut rest).unwrap();
        let text = String::from_utf8_lossy(&start).into_owned() + &rest;
        assert_eq!(text.lines().count(), 1 + 100_000, "{signal}");
        // the connection stays open on this side, and the server ends all the same
        assert_eq!(server.wait(), 0, "{signal}");
    }
}

#[test]
fn json_logs_of_the_server_are_one_object_per_line() {
    let work = Workspace::mini();
    work.config(USER_ROWS);
    work.ok(&["run-all", "--quiet"]);
    let mut server = Server::start_with(&work, &["--verbose", "--log-format", "json"]);
    let path = "/number-of-unique-cells-per-user";
    assert_eq!(server.get(&format!("{path}?date=2024-10-01")).status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    let log = server.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .collect();
    let of = |stage: &str| lines.iter().find(|l| l["stage"] == stage && l["path"] == path).unwrap();
    assert_eq!(
        (&of("audit")["parameters"], &of("audit")["status"]),
        (&"date=2024-10-01".into(), &200.into())
    );
    let access = of("access");
    assert_eq!((&access["method"], &access["command"]), (&"GET".into(), &"serve".into()));
    assert!(access["bytes"].as_u64().unwrap() > 0 && access["seconds"].is_f64(), "{access}");
}
