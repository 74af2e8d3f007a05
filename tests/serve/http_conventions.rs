//! HTTP conventions: errors, content negotiation, caching, headers, limits.

use std::io::{Read, Write};
use std::net::TcpStream;

use flate2::read::GzDecoder;

use super::{Server, embedded, served};
use crate::harness::{Warehouse, test_on_each_warehouse};

const ROUTES: [&str; 9] = [
    "/",
    "/users-per-lau-day-night",
    "/tables/cell_plan",
    "/views",
    "/summary",
    "/map",
    "/openapi.json",
    "/docs",
    "/assets/pages.css",
];

fn errors_name_the_parameter_and_the_remedy(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, "");
    for (path, status, parameter, words) in [
        ("/users-per-lau?limt=5", 400, "limt", "limit?"),
        ("/users-per-lau?limit=-5", 400, "limit", "whole number"),
        ("/users-per-lau?limit=200000", 400, "limit", "csv"),
        ("/users-per-lau?offset=1.5", 400, "offset", "whole number"),
        ("/users-per-lau?date=today", 400, "date", "2024-10-01"),
        ("/users-per-lau?from=2024-10-02&to=2024-10-01", 400, "from", "after"),
        ("/users-per-lau?order_by=user_cout", 400, "order_by", "user_count"),
        ("/users-per-lau?order_by=user_count:down", 400, "order_by", "user_count:desc"),
        ("/users-per-lau?order_by=1;DROP%20TABLE%20lau", 400, "order_by", "no column"),
        ("/users-per-lau?lau=%00", 400, "lau", "NUL"),
        ("/users-per-lau?format=xls", 400, "format", "xlsx?"),
        ("/users-per-lau?format=spreadsheet", 400, "format", "csv"),
        ("/number-of-events-per-hour?lau=EE_0001", 400, "lau", "no lau_id"),
        ("/number-of-events-per-hour?format=geojson", 400, "format", "users-per-lau"),
        ("/user-location-distribution?from=2024-10-01", 400, "from", "neither"),
        ("/user-per-lau", 404, "", "/users-per-lau?"),
        ("/cell_plan", 404, "", "/tables/cell_plan?"),
        ("/tables/users", 404, "", "/users"),
        ("/users-per-lau-2024-10-09", 404, "", "/users-per-lau-2024-10-01?"),
        ("/assets/nothing.js", 404, "", "nothing.js"),
        ("/assets/..%2f..%2fmod.rs", 404, "", "does not exist"),
        ("/number-of-unique-cells-per-user", 403, "", "serve.allow_user_rows = true"),
        ("/tables/mobile_events_compressed", 403, "", "serve.allow_user_rows = true"),
    ] {
        let got = server.get(path);
        let problem = got.json();
        assert_eq!(got.status, status, "{path}: {problem}");
        assert_eq!(got.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(got.header("cache-control"), "no-store", "{path}");
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(problem["parameter"].as_str().unwrap_or_default(), parameter, "{path}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{path}: {detail}");
        // a browser gets the error as a page
        let page = server.get_with(path, "accept", "text/html,*/*;q=0.8");
        assert_eq!(page.status, status, "{path}");
        if !path.contains("format=") {
            assert!(page.header("content-type").starts_with("text/html"), "{path}");
        }
    }
    let got = server.get("/users-per-lau?format=html&limit=1001");
    assert_eq!(got.status, 400);
    assert!(got.text().contains("at most 1000 rows"), "{}", got.text());
    let got = server.get_with("/users-per-lau", "accept", "image/png");
    assert_eq!(got.status, 406);
    assert!(got.text().contains("text/csv"), "{}", got.text());
    let got = server.get_with("/number-of-events-per-hour", "accept", "application/geo+json");
    assert_eq!(got.status, 406, "{}", got.text());
    let accept = "application/geo+json, text/csv;q=0.5";
    let got = server.get_with("/number-of-events-per-hour", "accept", accept);
    assert!(got.ok().starts_with("hour,event_count"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
        let got = server.ask(method, "/users-per-lau", &[]);
        assert_eq!((got.status, got.header("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
    }
    let got = server.ask("OPTIONS", "/users-per-lau", &[]);
    assert_eq!((got.status, got.header("allow")), (204, "GET, HEAD, OPTIONS"));
}

test_on_each_warehouse!(errors_name_the_parameter_and_the_remedy);

#[test]
fn format_follows_the_accept_header() {
    let (_work, server) = embedded();
    for (accept, media) in [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/geo+json", "application/geo+json"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/markdown", "text/markdown"),
    ] {
        let got = server.get_with("/users-per-lau", "accept", accept);
        assert_eq!(got.status, 200, "{accept}");
        assert_eq!(got.header("content-type").split(';').next(), Some(media), "{accept}");
    }
    let got = server.get("/users-per-lau?format=csv");
    assert_eq!(got.header("content-disposition"), "inline; filename=\"users-per-lau.csv\"");
}

fn conditional_requests_and_head_send_no_body(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, "");
    for path in ROUTES {
        let got = server.get(path);
        let etag = got.header("etag").to_owned();
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert!(etag.starts_with("W/\"") && !got.header("cache-control").is_empty(), "{path}");
        assert!(got.header("vary").contains("accept-encoding"), "{path}");
        let again = server.get_with(path, "if-none-match", &etag);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), etag, "{path}");
        assert_eq!(server.get_with(path, "if-none-match", "\"other\"").status, 200, "{path}");
        let head = server.ask("HEAD", path, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(head.header(name), got.header(name), "{path}: {name}");
        }
        let packed = server.get_with(path, "accept-encoding", "gzip");
        assert_eq!(packed.header("etag"), etag, "{path}");
        let mut plain = Vec::new();
        match packed.header("content-encoding") {
            "gzip" => {
                GzDecoder::new(packed.body.as_slice()).read_to_end(&mut plain).unwrap();
                assert!(packed.body.len() < plain.len(), "{path}");
            }
            _ => plain = packed.body,
        }
        assert_eq!(plain, got.body, "{path}");
    }
    let tag = |path: &str| server.get(path).header("etag").to_owned();
    let csv = tag("/users-per-lau?format=csv");
    assert_ne!(csv, tag("/users-per-lau"));
    assert_ne!(csv, tag("/users-per-lau?format=csv&limit=1"));
    assert_eq!(
        tag("/users-per-lau?format=csv&lau=a&limit=1"),
        tag("/users-per-lau?limit=1&lau=a&format=csv")
    );
}

test_on_each_warehouse!(conditional_requests_and_head_send_no_body);

#[test]
fn every_response_has_security_headers() {
    let (_work, server) = embedded();
    for path in ROUTES.into_iter().chain(["/nothing", "/health", "/metrics", "/views?x=1"]) {
        let got = server.get(path);
        assert!(got.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(got.header(name), value, "{path}");
        }
    }
}

fn health_and_metrics_are_served(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, "");
    for path in ["/health", "/health/ready"] {
        let health = server.get(path).json();
        assert_eq!((&health["live"], &health["ready"]), (&true.into(), &true.into()));
    }
    assert_eq!(server.get("/health/live").json()["live"], true);
    server.get("/users-per-lau?format=csv").ok();
    server.get("/number-of-users-per-lau-on-2024-10-01").ok();
    server.get("/made-up-path");
    let figures = server.get("/metrics").ok();
    for line in [
        "mobility_http_requests_total{route=\"/users-per-lau\",status=\"200\"} 1",
        "mobility_http_requests_total{route=\"/users-per-lau-2024-10-01\",status=\"200\"} 1",
        "mobility_http_requests_total{route=\"unknown\",status=\"404\"} 1",
        "mobility_http_request_seconds_count{route=\"/users-per-lau\"} 1",
        "mobility_rows_sent_total 8",
        "mobility_queries_running 0",
    ] {
        assert!(figures.lines().any(|l| l == line), "{line}: {figures}");
    }
    assert_eq!(
        figures.contains("mobility_pool_connections{state=\"idle\"}"),
        warehouse == Warehouse::Postgis
    );
    assert!(!figures.contains("made-up-path"));
}

test_on_each_warehouse!(health_and_metrics_are_served);

/// The first line of the answer to arbitrary bytes.
fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // the server may answer and close the connection before it has read everything
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn request_heads_and_bodies_are_limited() {
    let (_work, server) = embedded();
    let long = "x".repeat(40_000);
    let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    let head = "Host: localhost\r\nConnection: close\r\n";
    for (request, statuses) in [
        (format!("GET /?{long} HTTP/1.1\r\n{head}\r\n"), ["414", "431"]),
        (format!("GET / HTTP/1.1\r\n{head}x: {long}\r\n\r\n"), ["431", "431"]),
        (format!("GET / HTTP/1.1\r\n{head}{many}\r\n"), ["431", "400"]),
        (format!("GET / HTTP/1.1\r\n{head}Content-Length: 99999999\r\n\r\n"), ["413", "413"]),
        (format!("POST / HTTP/1.1\r\n{head}Content-Length: 5\r\n\r\nhello"), ["405", "405"]),
        ("nonsense\r\n\r\n".to_owned(), ["400", "400"]),
    ] {
        // closing a connection with unread bytes may discard the answer
        let lines = std::iter::repeat_with(|| raw(&server, request.as_bytes()));
        let line = lines.take(5).find(|line| !line.is_empty()).unwrap_or_default();
        let status = line.split(' ').nth(1).unwrap_or_default();
        let start: String = request.chars().take(40).collect();
        assert!(statuses.contains(&status), "{start:?}: {line:?}");
    }
    assert_eq!(server.get("/health").status, 200);
}
