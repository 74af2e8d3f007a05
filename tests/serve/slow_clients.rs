//! Clients that read or send nothing, or connect too often: the others are still served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::cancelled_queries::endless;
use super::{Server, embedded};
use crate::harness::{Workspace, wait_until};

/// A view with 11 MB as CSV, more than the buffers between server and client hold.
const MANY: &str = "SELECT a.cell_id || repeat('-', 100) AS x FROM cell_plan a CROSS JOIN cell_plan b \
                    CROSS JOIN cell_plan c CROSS JOIN cell_plan d CROSS JOIN cell_plan e\n";

/// A server with the view `many`; `config` belongs to its section `serve`.
fn served(config: &str) -> (Workspace, Server) {
    let work = Workspace::mini();
    work.write("views/many.sql", MANY);
    work.write("views/units.sql", "SELECT lau_id FROM lau\n");
    work.config(&format!("[serve]\n{config}\n"));
    work.ok(&["run-all", "--quiet"]);
    let server = Server::start(&work);
    (work, server)
}

/// What the server sends until it closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // a connection that is cut may end with a reset
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(stream: TcpStream) -> String {
    rest(stream).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Reads the head of the response, so that it has certainly begun.
fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
}

#[test]
fn client_that_reads_nothing_is_disconnected_and_its_query_ends() {
    let (_work, server) = served("client_timeout_s = 1\nmax_queries = 1\ntimeout_s = 600");
    let mut stalled = server.send("/many?format=csv");
    read_head(&mut stalled);
    assert_eq!(server.metric("mobility_queries_running"), 1);
    // it waits for the only place for queries
    assert_eq!(server.get("/units?format=csv").status, 200);
    wait_until("the query ends", || server.metric("mobility_queries_running") == 0);
    let received = rest(stalled);
    assert!(received.len() < 10_000_000, "{} bytes arrived", received.len());
    assert!(!received.ends_with("\r\n0\r\n\r\n"), "a truncated response looks complete");
}

#[test]
fn place_for_a_query_is_not_kept_by_clients_that_read_nothing() {
    let (_work, server) = served("client_timeout_s = 600\nmax_queries = 1\ntimeout_s = 600");
    let mut stalled = server.send("/many?format=csv");
    read_head(&mut stalled);
    let other = server.send("/many?format=csv");
    assert_eq!(server.get("/units?format=csv").status, 200);
    drop(other);
}

#[test]
fn clients_that_read_nothing_give_up_their_places_for_new_ones() {
    let limits = "max_connections = 6\nmax_connections_per_address = 6\nclient_timeout_s = 600";
    let (_work, server) = served(&format!("{limits}\nmax_queries = 8\ntimeout_s = 600"));
    let mut stalled: Vec<TcpStream> = (0..6).map(|_| server.send("/many?format=csv")).collect();
    stalled.iter_mut().for_each(read_head);
    // their deadlines are ten minutes away
    server.until("/units?format=csv", 200);
    assert!(stalled.into_iter().any(|stream| rest(stream).len() < 10_000_000));
}

#[test]
fn health_and_metrics_are_answered_when_all_places_are_taken() {
    let work = Workspace::mini();
    work.write("views/endless.sql", endless());
    work.config("[serve]\nmax_connections = 3\nmax_connections_per_address = 2\nmax_queries = 1\n");
    for stage in ["compress", "geojoin", "load"] {
        work.ok(&[stage]);
    }
    let server = Server::start(&work);
    // these wait for the server, and so keep their places
    let one = [server.send("/endless"), server.send("/endless?limit=1")];
    wait_until("the query runs", || server.metric("mobility_queries_running") == 1);
    let refused = server.get("/views");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert_eq!(refused.header("connection"), "close");
    assert!(refused.text().contains("serve.max_connections_per_address"), "{}", refused.text());
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    // another address still gets the last place
    let third = server.send_from([127, 0, 0, 2].into(), "/endless?limit=2");
    let refused = rest(server.send_from([127, 0, 0, 3].into(), "/views"));
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("raise serve.max_connections\""), "{refused}");
    // nor do clients that connect beyond the limits and send nothing prevent it
    let silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for path in ["/health", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    drop((one, third, silent));
    server.until("/tables/lau", 200);
}

#[test]
fn request_that_does_not_arrive_in_time_ends_the_connection() {
    let (_work, server) = served("client_timeout_s = 1");
    let started = Instant::now();
    let silent = TcpStream::connect(server.address()).unwrap();
    let mut partial = TcpStream::connect(server.address()).unwrap();
    partial.write_all(b"GET /health HTTP/1.1\r\nHost: loc").unwrap();
    let mut idle = TcpStream::connect(server.address()).unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    read_head(&mut idle);
    for stream in [silent, partial, idle] {
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let _ = rest(stream);
    }
    assert!(started.elapsed() >= Duration::from_secs(1));
    // a body is not waited for
    let mut with_body = TcpStream::connect(server.address()).unwrap();
    let head = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx";
    with_body.write_all(head.as_bytes()).unwrap();
    assert_eq!(status(with_body), "200");
}

#[test]
fn connection_takes_requests_for_a_limited_time() {
    let (_work, server) = served("max_connection_s = 1\nclient_timeout_s = 600");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let started = Instant::now();
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut answered = 0;
    loop {
        if stream.write_all(request).is_err() {
            break;
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(_) => answered += 1,
        }
    }
    assert!(answered > 0 && started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn limits_on_connections_are_checked() {
    let (work, server) = embedded();
    drop(server);
    for (config, word) in [
        ("max_connections = 0", "serve.max_connections = 0"),
        ("max_connections_per_address = 0", "serve.max_connections_per_address = 0"),
        ("client_timeout_s = 0", "serve.client_timeout_s = 0"),
        ("max_connection_s = 99999999999", "serve.max_connection_s = 99999999999"),
    ] {
        work.config(&format!("[serve]\n{config}\n"));
        work.fails(&["serve"], 1, &[word]);
    }
}
