//! Who sees what: the audience of a server, and roles of tokens.

use super::store;
use crate::harness::Workspace;
use crate::serve::{Server, bearer};

const PUBLIC: &str = "token-for-the-public-0123456789";
const ANALYST: &str = "token-for-analysts-0123456789ab";

/// Both tokens; `more` goes into the section `serve`.
fn with_tokens(work: &Workspace, more: &str) {
    work.write("public.token", PUBLIC);
    work.write("analyst.token", ANALYST);
    for file in ["public.token", "analyst.token"] {
        let path = work.path(file);
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, permissions).unwrap();
    }
    work.config(&format!(
        "[publish]\nmin_devices = {}\n[serve]\n{more}tokens = [\n\
         {{ name = \"newspaper\", role = \"public\", token_file = \"public.token\" }},\n\
         {{ name = \"office\", role = \"aggregates\", token_file = \"analyst.token\" }},\n]\n",
        store::MIN
    ));
}

const HIDDEN: &str = "913584";

#[test]
fn token_of_the_public_sees_what_was_released_beside_analysts_and_caches_are_apart() {
    let work = store::released();
    with_tokens(&work, "");
    let server = Server::start(&work);
    let ask = |token: &str, path: &str| server.get_with(path, "authorization", &bearer(token));
    for round in 0..2 {
        for path in
            ["/complete?format=csv", "/complete?format=json&limit=1000", "/complete?format=html"]
        {
            let (exact, released) = (ask(ANALYST, path), ask(PUBLIC, path));
            assert!(exact.text().replace(',', "").contains(HIDDEN), "{round} {path}");
            assert!(!released.text().replace(',', "").contains(HIDDEN), "{round} {path}");
            let tags = (exact.header("etag").to_owned(), released.header("etag").to_owned());
            assert!(!tags.0.is_empty() && tags.0 != tags.1, "{path}: {tags:?}");
            // a tag of the other audience is not current
            let headers = [("authorization", &*bearer(PUBLIC)), ("if-none-match", &*tags.0)];
            assert_eq!(server.ask("GET", path, &headers).status, 200);
            let headers = [("authorization", &*bearer(PUBLIC)), ("if-none-match", &*tags.1)];
            assert_eq!(server.ask("GET", path, &headers).status, 304);
        }
        for path in ["/summary", "/views", "/openapi.json", "/health"] {
            let (exact, released) = (ask(ANALYST, path), ask(PUBLIC, path));
            assert_eq!((exact.status, released.status), (200, 200), "{path}");
            assert_ne!(exact.body, released.body, "{path}");
        }
        assert_eq!((ask(ANALYST, "/quality").status, ask(PUBLIC, "/quality").status), (200, 403));
        // the rows that others have read
        assert_eq!((ask(ANALYST, "/metrics").status, ask(PUBLIC, "/metrics").status), (200, 403));
        assert_eq!(ask(PUBLIC, "/unreleased").status, 403);
    }
    assert_eq!(server.get("/complete").status, 401);
}

#[test]
fn server_for_the_public_shows_no_token_exact_numbers() {
    let work = store::released();
    with_tokens(&work, "audience = \"public\"\n");
    let server = Server::start(&work);
    for token in [PUBLIC, ANALYST] {
        let got = server.get_with("/complete?format=csv", "authorization", &bearer(token)).ok();
        assert!(!got.contains(HIDDEN), "{got}");
        assert_eq!(server.get_with("/quality", "authorization", &bearer(token)).status, 403);
        assert_eq!(server.get_with("/metrics", "authorization", &bearer(token)).status, 200);
    }
}

#[test]
fn address_that_others_reach_is_for_the_public_and_the_first_line_says_so() {
    let work = store::released();
    let first = |args: &[&str]| {
        let mut command = work.command(&[&["serve"][..], args].concat());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    };
    let others = ["--bind", "0.0.0.0:0", "--insecure"];
    assert!(first(&others).contains("shows the public what was released"));
    let to_analysts = first(&[&others[..], &["--audience", "analyst"]].concat());
    assert!(to_analysts.contains("to analysts"), "{to_analysts}");
    assert!(first(&["--bind", "127.0.0.1:0"]).contains("to analysts"));
    let server = Server::start_with(&work, &others);
    let got = server.get_with("/complete?format=csv", "host", "localhost").ok();
    assert!(!got.contains(HIDDEN) && got.contains("suppressed"), "{got}");
    work.config("[publish]\naudience = \"public\"\n");
    assert!(first(&["--bind", "127.0.0.1:0"]).contains("shows the public what was released"));
    // rows of single users are not for the public
    work.config("[serve]\nallow_user_rows = true\ntoken = \"0123456789abcdef-token\"\nbehind_tls_proxy = true\n");
    work.fails(
        &["serve", "--bind", "0.0.0.0:0"],
        2,
        &["serve.allow_user_rows", "serve.audience = \"analyst\""],
    );
}
