//! `extract`: inputs are copied from object stores and web servers despite faults.

mod file_server;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::harness::{ProgramOutput, Workspace, root, send_signal, wait_until};
use crate::object_store::proxy::Proxy;
use crate::object_store::s3_server::Store;
use file_server::{Fault, Server};

/// A megabyte without repetitions.
fn one_megabyte() -> Vec<u8> {
    (0..1u32 << 18).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

const SIZE: u64 = 1 << 20;

/// A workspace whose config names the boundaries of a server.
fn boundaries(server: &Server) -> Workspace {
    let work = Workspace::empty();
    let pattern = server.url("/lau/LAU_RG_{scale}_{year}_{crs}.geojson");
    work.write(
        "pipeline.toml",
        format!("[extract]\nto = \"raw\"\nlau_year = 2021\nlau_url = \"{pattern}\"\n"),
    );
    work
}

const NAME: &str = "/lau/LAU_RG_01M_2021_3035.geojson";
const COPY: &str = "raw/lau_boundaries/LAU_RG_01M_2021_3035.geojson";

/// Unfinished downloads.
fn unfinished_downloads(work: &Workspace) -> Vec<PathBuf> {
    let pattern = work.path("raw/**/.*.unfinished");
    glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap).collect()
}

fn extract(work: &Workspace) -> String {
    let ran = work.run(&["extract"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn boundaries_of_a_year_are_downloaded_and_usable_by_geojoin() {
    let server = Server::start();
    let text = std::fs::read(root().join("fixtures/mini/lau/lau.geojson")).unwrap();
    server.file(NAME, "a", &text);
    let work = Workspace::mini();
    work.remove("raw/lau");
    let config = work.read("pipeline.toml").replace("raw/lau", "raw/lau_boundaries");
    let extract = format!(
        "[extract]\nto = \"raw\"\nlau_url = \"{}\"\n",
        server.url("/lau/LAU_RG_{scale}_{year}_{crs}.geojson")
    );
    work.write("pipeline.toml", extract + &config);
    work.ok(&["extract", "--lau-year", "2021"]);
    assert_eq!(work.read_bytes(COPY), text);
    work.ok(&["run-all"]);
    // a file of another year is not silently read together with the first
    server.file("/lau/LAU_RG_01M_2024_3035.geojson", "b", &text);
    let ran = work.run(&["extract", "--lau-year", "2024"]);
    assert!(
        ran.status == 0
            && ran.stderr.contains("LAU_RG_01M_2021_3035.geojson is in the same folder"),
        "{}",
        ran.stderr
    );
}

#[test]
fn default_url_is_the_one_of_gisco() {
    let shipped = mobility::config::Config::default().extract;
    let url = shipped.lau_url.replace("{scale}", &shipped.lau_scale).replace("{year}", "2021");
    assert_eq!(
        url.replace("{crs}", &shipped.lau_crs.to_string()),
        "https://gisco-services.ec.europa.eu/distribution/v2/lau/geojson/LAU_RG_01M_2021_3035.geojson"
    );
}

#[test]
fn existing_files_are_copied_again_only_if_they_changed() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    let work = boundaries(&server);
    assert!(extract(&work).contains("1 file copied to"), "first");
    assert_eq!(server.sent(), SIZE);
    let printed = extract(&work);
    assert!(
        printed.contains("0 files copied") && printed.contains("1 file already present"),
        "{printed}"
    );
    assert_eq!(server.sent(), 0);
    // same size, other ETag
    let mut other = one_megabyte();
    other.reverse();
    server.file(NAME, "b", &other);
    extract(&work);
    assert!(work.read_bytes(COPY) == other);
    assert_eq!(server.sent(), SIZE);
    // a file of the right size that is not recorded is taken for the copy
    work.remove("raw/.extract.json");
    extract(&work);
    assert_eq!(server.sent(), 0);
    work.ok(&["extract", "--force"]);
    assert_eq!(server.sent(), SIZE);
    // a file of another size is not
    work.write(COPY, "half");
    extract(&work);
    assert!(work.read_bytes(COPY) == other);
}

#[test]
fn downloads_resume_where_a_connection_broke() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    let work = boundaries(&server);
    server.faults(&[Fault::Cut(300_000), Fault::Cut(1), Fault::Cut(400_000)]);
    extract(&work);
    assert!(work.read_bytes(COPY) == one_megabyte());
    assert_eq!(server.sent(), SIZE);
    assert_eq!(unfinished_downloads(&work), Vec::<PathBuf>::new());
}

#[test]
fn server_errors_are_retried() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    let work = boundaries(&server);
    server.faults(&[Fault::Status(503), Fault::Status(500)]);
    extract(&work);
    assert!(work.read_bytes(COPY) == one_megabyte());
}

#[test]
fn failed_download_is_resumed_by_the_next_run() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    let work = boundaries(&server);
    let broken_off = [[Fault::Cut(300_000)].as_slice(), &[Fault::Status(403); 8]].concat();
    server.faults(&broken_off);
    work.fails(&["extract"], 1, &["LAU_RG_01M_2021_3035.geojson", "no access"]);
    assert!(!work.path(COPY).exists());
    let part = unfinished_downloads(&work);
    assert_eq!(part.len(), 1);
    assert_eq!(part[0].metadata().unwrap().len(), 300_000);
    server.faults(&[]);
    server.sent();
    extract(&work);
    assert_eq!(server.sent(), SIZE - 300_000);
    assert!(work.read_bytes(COPY) == one_megabyte());
    // a partial download of an older version is not resumed
    work.remove(COPY);
    server.faults(&broken_off);
    work.fails(&["extract"], 1, &["no access"]);
    let mut other = one_megabyte();
    other.reverse();
    server.file(NAME, "b", &other);
    server.faults(&[]);
    server.sent();
    extract(&work);
    assert_eq!(server.sent(), SIZE);
    assert!(work.read_bytes(COPY) == other);
    assert_eq!(unfinished_downloads(&work), Vec::<PathBuf>::new());
}

#[test]
fn download_restarts_on_a_server_without_range_requests() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    server.without_ranges();
    let work = boundaries(&server);
    extract(&work);
    assert!(work.read_bytes(COPY) == one_megabyte());
    work.remove(COPY);
    server.sent();
    server.faults(&[Fault::Cut(300_000)]);
    extract(&work);
    assert!(work.read_bytes(COPY) == one_megabyte());
}

#[test]
fn missing_forbidden_and_truncated_files_are_reported() {
    let server = Server::start();
    let work = boundaries(&server);
    let words = ["extract.lau_year = 2021", "lau_scale = \"01M\"", "does not exist"];
    work.fails(&["extract"], 1, &words);
    server.file(NAME, "a", &one_megabyte());
    server.faults(&[Fault::Status(403); 8]);
    work.fails(&["extract"], 1, &["LAU_RG_01M_2021_3035.geojson", "no access"]);
    server.faults(&[]);
    server.announce_more(7);
    work.fails(&["extract"], 1, &["LAU_RG_01M_2021_3035.geojson"]);
    assert!(!work.path(COPY).exists());
}

#[test]
fn interrupted_download_is_completed_by_the_next_run() {
    let server = Server::start();
    server.file(NAME, "a", &one_megabyte());
    let work = boundaries(&server);
    server.faults(&[Fault::Stall(400_000)]);
    let mut child = work.command(&["extract"]).stderr(Stdio::null()).spawn().unwrap();
    let arrived =
        || unfinished_downloads(&work).first().map_or(0, |p| p.metadata().map_or(0, |m| m.len()));
    wait_until("400,000 bytes have arrived", || arrived() >= 400_000);
    send_signal(child.id(), "INT");
    assert!(!child.wait().unwrap().success());
    assert_eq!(arrived(), 400_000);
    server.sent();
    extract(&work);
    assert_eq!(server.sent(), SIZE - 400_000);
    assert!(work.read_bytes(COPY) == one_megabyte());
}

#[test]
fn extract_without_sources_is_a_usage_error() {
    let work = Workspace::empty();
    work.fails(&["extract"], 2, &["extract.events", "--lau-year"]);
    work.fails(&["extract", "--events", "nowhere"], 1, &["extract.events", "does not exist"]);
}

#[test]
fn files_of_a_local_folder_are_copied() {
    let work = Workspace::empty();
    work.write("in/year=2024/month=10/day=1/a.csv", "user_id,cell_id,timestamp\n");
    work.write("in/b.csv.gz", "not looked into");
    work.write("in/readme.txt", "no events");
    work.write("pipeline.toml", "[extract]\nevents = \"in\"\nto = \"raw\"\n");
    assert!(extract(&work).contains("2 files copied"));
    assert_eq!(
        work.read("raw/events/year=2024/month=10/day=1/a.csv"),
        "user_id,cell_id,timestamp\n"
    );
    assert!(extract(&work).contains("0 files copied"));
    work.write("in/b.csv.gz", "not looked into again");
    assert!(extract(&work).contains("1 file copied"));
    assert_eq!(work.read("raw/events/b.csv.gz"), "not looked into again");
    // two sources with the same name
    work.write("other/b.csv.gz", "x");
    work.write("pipeline.toml", "[extract]\nevents = [\"in\", \"other\"]\nto = \"raw\"\n");
    work.fails(&["extract"], 1, &["in/b.csv.gz", "other/b.csv.gz", "would both become"]);
}

/// A workspace whose config copies the bucket.
fn workspace_copying_a_bucket() -> Workspace {
    let work = Workspace::empty();
    work.write(
        "pipeline.toml",
        "[extract]\nevents = \"s3://data/events\"\ncells = \"s3://data/cells/*.parquet\"\nto = \"raw\"\n",
    );
    work
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = glob::glob(&folder.join("**/*.parquet").to_string_lossy())
        .unwrap()
        .map(|path| {
            let path = path.unwrap();
            (path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn extract_from_store(store: &Store, work: &Workspace, port: u16) -> ProgramOutput {
    store.run_at(port, work, &["extract"])
}

#[test]
fn events_and_cells_are_copied_from_an_object_store_with_their_folders() {
    let store = Store::mini();
    let work = workspace_copying_a_bucket();
    let ran = extract_from_store(&store, &work, store.port);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let mini = root().join("fixtures/mini");
    for folder in ["events", "cells"] {
        let copies = files(&work.path("raw").join(folder));
        assert!(!copies.is_empty());
        assert_eq!(copies, files(&mini.join(folder)), "{folder}");
    }
    store.requests();
    let ran = extract_from_store(&store, &work, store.port);
    assert!(
        ran.stderr.contains("0 files copied") && ran.stderr.contains("already present"),
        "{}",
        ran.stderr
    );
    let read: Vec<String> = store.requests();
    assert!(!read.iter().any(|r| r.starts_with("GET") && r.contains(".parquet")), "{read:?}");
    // a new object is copied
    std::fs::copy(mini.join("cells/plan.parquet"), store.path("events/x.parquet")).unwrap();
    let ran = extract_from_store(&store, &work, store.port);
    assert!(ran.stderr.contains("1 file copied"), "{}", ran.stderr);
    assert!(work.path("raw/events/x.parquet").exists());
}

#[test]
fn broken_connections_to_an_object_store_are_resumed() {
    let store = Store::empty();
    std::fs::create_dir(store.path("events")).unwrap();
    std::fs::write(store.path("events/a.parquet"), one_megabyte()).unwrap();
    let work = Workspace::empty();
    work.write("pipeline.toml", "[extract]\nevents = \"s3://data/events\"\nto = \"raw\"\n");
    let proxy = Proxy::to(store.port, 5, 100_000);
    let ran = extract_from_store(&store, &work, proxy.port);
    assert_eq!((ran.status, proxy.cuts()), (0, 5), "{}", ran.stderr);
    assert!(work.read_bytes("raw/events/a.parquet") == one_megabyte());
}

#[test]
fn partial_file_that_was_damaged_is_detected_by_its_checksum() {
    let store = Store::empty();
    std::fs::create_dir(store.path("events")).unwrap();
    std::fs::write(store.path("events/a.parquet"), one_megabyte()).unwrap();
    let work = Workspace::empty();
    work.write("pipeline.toml", "[extract]\nevents = \"s3://data/events\"\nto = \"raw\"\n");
    // a folder in the place of the copy: the download completes but cannot be renamed
    std::fs::create_dir_all(work.path("raw/events/a.parquet")).unwrap();
    let ran = extract_from_store(&store, &work, store.port);
    assert!(ran.status == 1 && ran.stderr.contains("cannot finish"), "{}", ran.stderr);
    std::fs::remove_dir(work.path("raw/events/a.parquet")).unwrap();
    let part = unfinished_downloads(&work).pop().unwrap();
    let mut bytes = std::fs::read(&part).unwrap();
    assert!(bytes == one_megabyte());
    bytes[0] ^= 1;
    std::fs::write(part, bytes).unwrap();
    let ran = extract_from_store(&store, &work, store.port);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(work.read_bytes("raw/events/a.parquet") == one_megabyte());
}
