//! Tokens: their roles, where they are kept, and what happens to wrong ones.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Instant;

use super::{Server, bearer};
use crate::harness::{Workspace, names_a_user};

const DASHBOARD: &str = "token-of-the-dashboard";
const ANALYST: &str = "token-of-the-analyst";
const USERS: &str = "/number-of-unique-cells-per-user";

/// Two tokens in files.
fn with_roles(more: &str) -> Workspace {
    let work = Workspace::loaded();
    for (name, token) in [("dashboard", DASHBOARD), ("analyst", ANALYST)] {
        token_file(&work, name, token, 0o600);
    }
    work.config(&format!(
        "[serve]\nallow_user_rows = true\n{more}\n\
         [[serve.tokens]]\nname = \"dashboard\"\nrole = \"aggregates\"\ntoken_file = \"dashboard\"\n\
         [[serve.tokens]]\nname = \"analyst\"\nrole = \"user_rows\"\ntoken_file = \"analyst\"\n"
    ));
    work
}

fn token_file(work: &Workspace, name: &str, token: &str, mode: u32) {
    work.write(name, format!("{token}\n"));
    std::fs::set_permissions(work.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

fn as_token<'a>(token: &str, value: &'a mut String) -> (&'static str, &'a str) {
    *value = bearer(token);
    ("authorization", value)
}

fn get(server: &Server, path: &str, token: &str) -> super::Response {
    server.get_with(path, "authorization", &bearer(token))
}

#[test]
fn rows_of_single_users_need_a_token_on_loopback_too() {
    let work = Workspace::loaded();
    let words = ["serve.allow_user_rows", "\"user_rows\"", "MOBILITY_SERVE_TOKEN"];
    for config in [
        "[serve]\nallow_user_rows = true\n",
        "[serve]\nallow_user_rows = true\n[[serve.tokens]]\nname = \"a\"\nrole = \"aggregates\"\n\
         token_file = \"a\"\n",
    ] {
        token_file(&work, "a", DASHBOARD, 0o600);
        work.config(config);
        for more in [&[][..], &["--insecure"]] {
            let args = [&["serve", "--bind", "127.0.0.1:0"], more].concat();
            let ran = work.fails(&args, 2, &words);
            assert_eq!(ran.stdout, "");
        }
    }
}

#[test]
fn token_of_the_role_aggregates_reads_no_rows_of_single_users() {
    let work = with_roles("");
    let server = Server::start(&work);
    for path in [USERS, "/tables/mobile_events_compressed", "/tables/mobile_events_uncompressed"] {
        for query in ["", "?format=csv", "?format=html", "?nonsense=1"] {
            let got = get(&server, &format!("{path}{query}"), DASHBOARD);
            assert_eq!(got.status, 403, "{path}{query}");
            assert!(!names_a_user(&got.text()), "{path}{query}");
        }
        let problem = get(&server, path, DASHBOARD).json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("\"dashboard\"") && detail.contains("user_rows"), "{detail}");
        assert!(get(&server, &format!("{path}?format=csv"), ANALYST).ok().contains("aa01"));
        assert_eq!(server.get(path).status, 401);
    }
    for (token, allowed) in [(ANALYST, true), (DASHBOARD, false), (ANALYST, true)] {
        let list = get(&server, "/views", token).json();
        let view = list["views"].as_array().unwrap().iter().find(|v| v["href"] == USERS).unwrap();
        assert_eq!(view["allowed"], allowed, "{token}");
        assert_eq!(get(&server, "/summary", token).json()["allow_user_rows"], allowed, "{token}");
        assert_eq!(get(&server, "/users-per-lau", token).status, 200);
    }
    for token in [DASHBOARD, ANALYST] {
        assert!(!server.log().contains(token), "{}", server.log());
    }
}

#[test]
fn tokens_come_from_the_environment_or_a_file_of_their_owner_alone() {
    let work = Workspace::loaded();
    let config = |place: &str| {
        let entry = format!("[[serve.tokens]]\nname = \"a\"\nrole = \"aggregates\"\n{place}\n");
        work.config(&entry);
    };
    let serve = ["serve", "--bind", "127.0.0.1:0"];
    config("token_file = \"a.token\"");
    work.fails(&serve, 1, &["\"a\"", "a.token", "cannot be opened"]);
    for mode in [0o640, 0o604, 0o644, 0o660] {
        token_file(&work, "a.token", DASHBOARD, mode);
        let ran = work.fails(&serve, 1, &["\"a\"", "a.token", "chmod 600"]);
        assert!(!ran.stderr.contains(DASHBOARD), "{}", ran.stderr);
    }
    token_file(&work, "a.token", "short", 0o600);
    work.fails(&serve, 1, &["\"a\"", "at least 16"]);
    token_file(&work, "a.token", DASHBOARD, 0o400);
    let server = Server::start(&work);
    assert_eq!(get(&server, "/users-per-lau", DASHBOARD).status, 200);
    drop(server);
    config("token_env = \"MOBILITY_TOKEN_A\"");
    work.fails(&serve, 1, &["\"a\"", "MOBILITY_TOKEN_A", "not set"]);
    let mut command = work.command(&serve);
    let mut child =
        command.env("MOBILITY_TOKEN_A", DASHBOARD).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("http://127.0.0.1:"), "{line}");
    // records of runs keep where the token is, and not the token
    let mut command = work.command(&["geojoin"]);
    assert!(command.env("MOBILITY_TOKEN_A", DASHBOARD).status().unwrap().success());
    assert!(!work.read("processed/runs.jsonl").contains(DASHBOARD));
}

#[test]
fn wrong_tokens_are_slowed_per_address_and_known_tokens_are_not() {
    let work = with_roles("trusted_proxies = [\"127.0.0.1\"]");
    let server = Server::start_with(&work, &["--verbose"]);
    let ask = |token: &str, client: &str| {
        let mut value = String::new();
        let headers = [as_token(token, &mut value), ("x-forwarded-for", client)];
        server.ask("GET", "/users-per-lau", &headers)
    };
    let (here, there) = ("192.0.2.7", "192.0.2.8");
    assert_eq!(ask(DASHBOARD, here).status, 200);
    let statuses: Vec<u16> =
        (0..8).map(|n| ask(&format!("guess-number-{n}"), here).status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 429, 429, 429, 429]);
    let started = Instant::now();
    let refused = ask("one-more-guess", here);
    assert!(started.elapsed().as_millis() >= 1_000, "{:?}", started.elapsed());
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    // the token that this address has used before, and other addresses, are not delayed
    let started = Instant::now();
    assert_eq!(ask(DASHBOARD, here).status, 200);
    for token in [DASHBOARD, ANALYST] {
        assert_eq!(ask(token, there).status, 200);
    }
    assert_eq!(ask("guess-from-there", there).status, 401);
    assert!(started.elapsed().as_millis() < 1_000, "{:?}", started.elapsed());
    // another valid token is accepted, after the delay
    assert_eq!(ask(ANALYST, here).status, 200);
    // requests without a token are no guesses
    assert_eq!(server.get("/users-per-lau").status, 401);
    let log = server.log();
    assert!(log.contains(here) && !log.contains("guess"), "{log}");
}
