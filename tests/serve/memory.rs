//! Memory grows neither with the size of answers nor with their number.

use std::io::Read;

use super::{Server, USER_ROWS};
use crate::harness::{Workspace, wait_until};

/// A loaded workspace with that many raw events on each of two days.
fn loaded_with(events_per_day: u32) -> Workspace {
    let work = Workspace::mini();
    work.config(USER_ROWS);
    work.replace_inputs_with_synthetic(events_per_day, 5);
    work.ok(&["run-all"]);
    work
}

#[test]
fn large_downloads_are_streamed_in_constant_memory() {
    let work = loaded_with(150_000);
    let server = Server::start(&work);
    let path = "/tables/mobile_events_uncompressed?format=csv";
    let printed = work.ok(&["query", "mobile_events_uncompressed", "--format", "csv"]);
    assert!(printed.len() > 20 << 20, "{} bytes are too few for this test", printed.len());
    server.get("/tables/mobile_events_uncompressed?limit=10").ok();
    let before = server.memory("VmRSS");
    // a client that pauses
    let mut reader = server.reader(path);
    let mut start = vec![0; 1 << 20];
    reader.read_exact(&mut start).unwrap();
    assert_eq!(start, printed.as_bytes()[..start.len()]);
    let held = settled_memory(&server);
    assert!(held < before + (48 << 10), "{before} KiB before, {held} KiB while the client waits");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest == printed.as_bytes()[start.len()..], "the rest differs");
    // a client that disconnects ends the query
    let mut reader = server.reader(path);
    reader.read_exact(&mut start).unwrap();
    drop(reader);
    wait_until("the query ends", || {
        server.get("/metrics").text().contains("mobility_queries_running 0")
    });
    let head = server.ask("HEAD", path, &[]);
    assert_eq!((head.status, head.header("content-length")), (200, ""));
    // compressed while it is streamed
    let packed = server.get_with(path, "accept-encoding", "gzip");
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut plain).unwrap();
    assert!(plain == printed, "the packed answer differs");
    let peak = server.memory("VmHWM");
    assert!(peak < before + (96 << 10), "{before} KiB before, {peak} KiB at the most");
}

/// Resident memory once it no longer changes: ten equal readings in a row.
fn settled_memory(server: &Server) -> u64 {
    let (mut last, mut equal) = (0, 0);
    wait_until("memory no longer changes", || {
        let now = server.memory("VmRSS");
        equal = if now == last { equal + 1 } else { 0 };
        last = now;
        equal == 10
    });
    last
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let work = loaded_with(20_000);
    let server = Server::start(&work);
    let round = |from: usize, to: usize| {
        for number in from..to {
            for path in [
                format!("/users-per-lau-day-night?lau=x{number}"),
                "/users-per-lau-day-night?format=html".to_owned(),
                format!("/tables/mobile_events_compressed?limit=50&offset={}", number % 7),
                format!("/users-per-lau?limit={number}x"),
                "/views".to_owned(),
            ] {
                let got = server.get(&path);
                assert!(matches!(got.status, 200 | 400), "{path}: {}", got.text());
            }
        }
    };
    round(0, 60);
    let warm = server.memory("VmRSS");
    round(60, 200);
    let then = server.memory("VmRSS");
    assert!(then < warm + (24 << 10), "{warm} KiB when warm, {then} KiB later");
}
