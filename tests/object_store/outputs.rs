//! Outputs in an object store.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};

use sha2::{Digest, Sha256};

use super::proxy::Proxy;
use super::s3_server::{Conditions, Store, outputs, pages, workspace_on_store};
use crate::harness::{ProgramOutput, Workspace, array, expected, write_parquet};

const OUT: &str = "processed = \"s3://data/out\"\n";

fn workspace_with_remote_outputs() -> Workspace {
    workspace_on_store("s3://data/events", OUT)
}

/// The same with a fixed key of the digests of users, for outputs that are compared.
fn workspace_with_fixed_key() -> Workspace {
    let work = workspace_with_remote_outputs();
    let digest = Sha256::digest("s3://data/out");
    let folder: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    work.write(&format!("data/cache/{folder}/users.key"), "5a".repeat(32));
    work
}

/// The local copy of the outputs.
fn cache(work: &Workspace) -> PathBuf {
    let mut folders = glob::glob(&work.path("data/cache/*").to_string_lossy()).unwrap();
    folders.next().unwrap().unwrap()
}

fn answer(store: &Store, work: &Workspace) -> String {
    store.ok(work, &["query", "users-per-lau-day-night", "--format", "csv"])
}

fn skipped(ran: &ProgramOutput) -> usize {
    ran.stdout.matches("unchanged").count()
}

/// Names of the objects that exist, and of those in the index.
fn names(store: &Store) -> [BTreeSet<String>; 2] {
    let root = store.path("out");
    let pattern = root.join("**/*");
    let there = glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap);
    let there = there.filter(|path| path.is_file() && !path.ends_with("_mobility.json"));
    let there = there.map(|p| p.strip_prefix(&root).unwrap().to_string_lossy().into_owned());
    let index = std::fs::read_to_string(root.join("_mobility.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let named = index["files"].as_object().unwrap().keys().cloned();
    [there.collect(), named.collect()]
}

#[test]
fn another_machine_continues_from_the_object_store() {
    let (store, first, second) =
        (Store::mini(), workspace_with_remote_outputs(), workspace_with_remote_outputs());
    let local = Workspace::loaded();
    store.ok(&first, &["run-all"]);
    let [there, named] = names(&store);
    assert_eq!(there, named);
    assert!(there.contains("runs.jsonl") && there.contains("lau.parquet"), "{there:?}");
    let presence = |folder: PathBuf| pages(&outputs(&folder.join("compressed_events")));
    assert_eq!(presence(store.path("out")), presence(local.path("processed")));
    assert!(!first.path("processed").exists());
    // `load` finds the outputs of the first machine
    store.ok(&second, &["load"]);
    assert_eq!(answer(&store, &second), expected("view_users_per_lau_day_night"));
    store.requests();
    let again = store.run(&second, &["run-all"]);
    assert_eq!((again.status, skipped(&again)), (0, 5), "{}{}", again.stdout, again.stderr);
    let read = |r: &&String| r.starts_with("GET") && r.contains("events/year");
    assert_eq!(store.requests().iter().filter(read).count(), 0);
    let runs = store.ok(&first, &["runs", "--format", "csv"]);
    assert_eq!(runs.lines().count(), 4, "a header and the runs of both machines: {runs}");
}

#[test]
fn purged_dates_leave_the_store_and_no_machine_brings_them_back() {
    let (store, first, second) =
        (Store::mini(), workspace_with_remote_outputs(), workspace_with_remote_outputs());
    let of_date =
        |names: &BTreeSet<String>| names.iter().filter(|n| n.contains("2024-10-01")).count();
    store.ok(&first, &["run-all"]);
    assert!(of_date(&names(&store)[0]) > 2);
    store.ok(&first, &["purge", "--before", "2024-10-02", "--yes"]);
    let check = || {
        let [there, named] = names(&store);
        assert_eq!(there, named);
        assert_eq!(of_date(&there), 0, "{there:?}");
        // machines that share the outputs share the boundary and the key
        assert!(there.contains("retention.json") && there.contains("users.key"), "{there:?}");
    };
    check();
    store.ok(&second, &["run-all", "--force"]);
    check();
    assert!(!answer(&store, &second).contains("2024-10-01"));
}

#[test]
fn changes_and_removals_of_one_machine_reach_the_other() {
    let (store, first, second) =
        (Store::mini(), workspace_with_remote_outputs(), workspace_with_remote_outputs());
    store.ok(&first, &["run-all"]);
    store.ok(&second, &["run-all"]);
    let [before, _] = names(&store);
    std::fs::remove_dir_all(store.path("events/year=2024/month=10/day=2")).unwrap();
    store.ok(&second, &["run-all"]);
    let [there, named] = names(&store);
    assert_eq!(there, named);
    assert!(there.len() < before.len(), "{there:?}");
    let ran = store.run(&first, &["run-all"]);
    // all but load and views, whose warehouse is local
    assert_eq!((ran.status, skipped(&ran)), (0, 4), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(answer(&store, &first), answer(&store, &second));
    assert_eq!(outputs(&cache(&first)), outputs(&cache(&second)));
}

#[test]
fn run_killed_before_any_upload_is_completed_by_another_machine() {
    let undisturbed = Store::mini();
    let work = workspace_with_fixed_key();
    undisturbed.ok(&work, &["run-all"]);
    let change = |store: &Store| {
        // a new user at noon of the second day
        let columns = vec![
            ("user_id", array(BinaryArray::from_iter_values([b"abcd"]))),
            ("cell_id", array(Int64Array::from(vec![100]))),
            ("timestamp", array(TimestampMicrosecondArray::from(vec![1_727_870_400_000_000]))),
        ];
        let file = store.path("events/year=2024/month=10/day=2/part-1.parquet");
        write_parquet(&file, columns, 100);
    };
    change(&undisturbed);
    undisturbed.ok(&work, &["run-all"]);
    let reference =
        (outputs(&undisturbed.path("out")), answer(&undisturbed, &work), names(&undisturbed));
    let mut killed = 0;
    for number in (1..).step_by(2) {
        let store = Store::mini();
        let first = workspace_with_fixed_key();
        store.ok(&first, &["run-all"]);
        change(&store);
        let child: Arc<Mutex<Option<u32>>> = Arc::default();
        let pid = Arc::clone(&child);
        store.at_put(number, move || {
            let pid = pid.lock().unwrap().unwrap().to_string();
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        });
        let mut running = {
            // the process id is known before the first upload
            let mut child = child.lock().unwrap();
            let mut command = first.command(&["run-all"]);
            command.envs(store.env(store.port)).stdout(Stdio::null()).stderr(Stdio::null());
            let running = command.spawn().unwrap();
            *child = Some(running.id());
            running
        };
        let ended = running.wait().unwrap();
        if !store.was_put() {
            assert!(ended.success());
            break;
        }
        killed += 1;
        let second = workspace_with_remote_outputs();
        store.ok(&second, &["run-all"]);
        assert_eq!(answer(&store, &second), reference.1, "killed at {number}");
        assert_eq!(names(&store), reference.2, "killed at {number}");
        let found = outputs(&store.path("out"));
        let differ = found.iter().zip(&reference.0).filter(|(a, b)| a != b).map(|(a, _)| &a.0);
        assert_eq!(differ.collect::<Vec<_>>(), Vec::<&String>::new(), "killed at {number}");
    }
    assert!(killed > 3, "{killed}");
}

#[test]
fn lock_of_another_run_is_respected_until_it_expires() {
    let (store, work) = (Store::mini(), workspace_with_remote_outputs());
    let claim = |until: &str| {
        std::fs::create_dir_all(store.path("out")).unwrap();
        let claim = format!(
            "{{\"id\":\"x\",\"host\":\"elsewhere\",\"process\":7,\
             \"since\":\"2024-10-01T00:00:00Z\",\"until\":\"{until}\"}}"
        );
        std::fs::write(store.path("out/_mobility.lock"), claim).unwrap();
    };
    claim("2999-01-01T00:00:00Z");
    let words =
        ["another run of mobility is using s3://data/out", "process 7 on elsewhere", "2999"];
    store.fails(&work, &["run-all"], &words);
    assert!(!store.path("out/_mobility.json").exists());
    claim("2024-10-01T00:10:00Z");
    store.ok(&work, &["run-all"]);
    assert!(!store.path("out/_mobility.lock").exists());
}

#[test]
fn run_that_lost_its_lease_replaces_nothing() {
    let (store, work) = (Store::mini(), workspace_with_remote_outputs());
    store.ok(&work, &["run-all"]);
    let before = std::fs::read(store.path("out/_mobility.json")).unwrap();
    let claim = |host: &str| {
        format!(
            "{{\"id\":\"{host}\",\"host\":\"{host}\",\"process\":7,\
             \"since\":\"2024-10-01T00:00:00Z\",\"until\":\"2999-01-01T00:00:00Z\"}}"
        )
    };
    // before the first upload, and during it
    for number in [2, 3] {
        let lock = store.path("out/_mobility.lock");
        let (path, other) = (lock.clone(), claim("elsewhere"));
        // as if the lease had expired, and another machine had acquired it
        store.at_put(number, move || {
            std::fs::write(&path, other).unwrap();
            // the server would go on to report the ETag of the lease that it wrote
            let etags = path.ancestors().nth(3).unwrap().join(".bucket-*.internal.json");
            for etag in glob::glob(&etags.to_string_lossy()).unwrap() {
                std::fs::remove_file(etag.unwrap()).unwrap();
            }
        });
        let ran = store.run(&work, &["run-all", "--force"]);
        assert!(store.was_put());
        assert_eq!(ran.status, 1, "{number}: {}", ran.stderr);
        assert!(ran.stderr.contains("took over s3://data/out"), "{number}: {}", ran.stderr);
        assert_eq!(std::fs::read(store.path("out/_mobility.json")).unwrap(), before, "{number}");
        assert_eq!(std::fs::read(&lock).unwrap(), claim("elsewhere").as_bytes(), "{number}");
        std::fs::remove_file(lock).unwrap();
    }
    store.ok(&work, &["run-all"]);
    assert_eq!(answer(&store, &work), expected("view_users_per_lau_day_night"));
    let [there, named] = names(&store);
    assert_eq!(there, named);
}

#[test]
fn second_of_two_concurrent_runs_is_rejected() {
    let (store, first, second) =
        (Arc::new(Store::mini()), workspace_with_remote_outputs(), workspace_with_remote_outputs());
    let printed = Arc::new(Mutex::new(None));
    let (server, reported) = (Arc::clone(&store), Arc::clone(&printed));
    // during the second upload of the first run
    store.at_put(2, move || {
        let words = ["another run of mobility is using s3://data/out", "try again"];
        server.fails(&second, &["run-all"], &words);
        *reported.lock().unwrap() = Some(second);
    });
    store.ok(&first, &["run-all"]);
    let second = printed.lock().unwrap().take().expect("the second command ran");
    store.ok(&second, &["run-all"]);
    assert_eq!(answer(&store, &first), answer(&store, &second));
    let [there, named] = names(&store);
    assert_eq!(there, named);
}

#[test]
fn runs_go_on_where_conditional_puts_are_not_supported() {
    for (conditions, reason) in [
        (Conditions::Refused(501, "NotImplemented"), "the store answered NotImplemented"),
        (Conditions::Refused(400, "InvalidArgument"), "the store answered InvalidArgument"),
    ] {
        let (store, work) = (Store::mini(), workspace_with_remote_outputs());
        store.answer_conditions(conditions);
        let ran = store.run(&work, &["run-all"]);
        assert_eq!(ran.status, 0, "{conditions:?}: {}", ran.stderr);
        for word in ["conditional puts", reason, "s3://data/out"] {
            assert!(ran.stderr.contains(word), "{conditions:?}: no {word:?} in {}", ran.stderr);
        }
        assert_eq!(answer(&store, &work), expected("view_users_per_lau_day_night"));
        let [there, named] = names(&store);
        assert_eq!(there, named);
        assert!(!store.path("out/_mobility.lock").exists());
        // the lease of another run is respected here as well
        let claim = "{\"id\":\"x\",\"host\":\"elsewhere\",\"process\":7,\
                     \"since\":\"2024-10-01T00:00:00Z\",\"until\":\"2999-01-01T00:00:00Z\"}";
        std::fs::write(store.path("out/_mobility.lock"), claim).unwrap();
        store.fails(&work, &["run-all", "--force"], &["process 7 on elsewhere"]);
    }
}

#[test]
fn run_that_lost_an_unconditional_lease_replaces_nothing() {
    let (store, work) = (Store::mini(), workspace_with_remote_outputs());
    store.ok(&work, &["run-all"]);
    let before = std::fs::read(store.path("out/_mobility.json")).unwrap();
    store.answer_conditions(Conditions::Refused(400, "InvalidRequest"));
    let claim = "{\"id\":\"x\",\"host\":\"elsewhere\",\"process\":7,\
                 \"since\":\"2024-10-01T00:00:00Z\",\"until\":\"2999-01-01T00:00:00Z\"}";
    let lock = store.path("out/_mobility.lock");
    let path = lock.clone();
    // after the refused put, the claim and its renewal: during the first upload
    store.at_put(4, move || std::fs::write(path, claim).unwrap());
    let ran = store.run(&work, &["run-all", "--force"]);
    assert!(store.was_put());
    assert!(ran.status == 1 && ran.stderr.contains("took over s3://data/out"), "{}", ran.stderr);
    assert_eq!(std::fs::read(store.path("out/_mobility.json")).unwrap(), before);
    assert_eq!(std::fs::read(lock).unwrap(), claim.as_bytes());
}

#[test]
fn etags_are_sent_in_the_notation_that_the_store_compares() {
    for conditions in [Conditions::WithoutQuotes, Conditions::NeverMatch] {
        let (store, work) = (Store::mini(), workspace_with_remote_outputs());
        store.answer_conditions(conditions);
        store.ok(&work, &["run-all"]);
        store.ok(&work, &["run-all", "--force"]);
        let [there, named] = names(&store);
        assert_eq!(there, named, "{conditions:?}");
        // a real change by another machine is still a conflict
        let (path, index) = (store.path("out/_mobility.json"), "{\"files\":{}}");
        store.at_put(6, move || {
            std::fs::write(&path, index).unwrap();
            let etags = path.ancestors().nth(3).unwrap().join(".bucket-*.internal.json");
            for etag in glob::glob(&etags.to_string_lossy()).unwrap() {
                std::fs::remove_file(etag.unwrap()).unwrap();
            }
        });
        let ran = store.run(&work, &["compress", "--force"]);
        assert!(store.was_put());
        assert_eq!(ran.status, 1, "{conditions:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("another run uploaded"), "{conditions:?}: {}", ran.stderr);
    }
}

#[test]
fn lost_answers_to_uploads_do_not_stop_a_run() {
    let (store, undisturbed) = (Store::mini(), workspace_with_remote_outputs());
    store.ok(&undisturbed, &["run-all"]);
    let reference = pages(&outputs(&store.path("out/compressed_events")));
    let other = Store::mini();
    let proxy = Proxy::every(2, other.port, 30, 150);
    let work = workspace_with_remote_outputs();
    let ran = other.run_at(proxy.port, &work, &["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(proxy.cuts() > 3, "{}", proxy.cuts());
    assert_eq!(pages(&outputs(&other.path("out/compressed_events"))), reference);
    let [there, named] = names(&other);
    assert_eq!(there, named);
}

#[test]
fn large_file_is_uploaded_in_parts_and_downloaded_unchanged() {
    let store = Store::mini();
    let (first, second) = (workspace_with_remote_outputs(), workspace_with_remote_outputs());
    store.ok(&first, &["compress"]);
    // 40 MiB without repetitions
    let large: Vec<u8> = (0..10u32 << 20).flat_map(u32::to_le_bytes).collect();
    std::fs::write(cache(&first).join("large.bin"), &large).unwrap();
    store.requests();
    let proxy = Proxy::every(3, store.port, 4, 100);
    let ran = store.run_at(proxy.port, &first, &["geojoin"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(proxy.cuts() > 0);
    let parts = store.requests().iter().filter(|r| r.contains("partNumber=")).count();
    assert!(parts >= 3, "{parts}");
    store.ok(&second, &["geojoin"]);
    assert!(std::fs::read(cache(&second).join("large.bin")).unwrap() == large);
}

#[test]
fn unsupported_output_locations_are_rejected_with_the_reason() {
    let store = Store::mini();
    for (url, words) in [
        ("https://host/out", ["outputs cannot be written to a web server", "s3://"]),
        ("s3://data/out?x=1", ["credentials do not belong in the URL", "data.processed"]),
    ] {
        let work = workspace_on_store("s3://data/events", &format!("processed = \"{url}\"\n"));
        store.fails(&work, &["run-all"], &words);
        store.fails(&work, &["check"], &words);
    }
    let work = workspace_on_store("s3://data/events", "processed = \"s3://other/out\"\n");
    store.fails(&work, &["check"], &["the bucket \"other\" does not exist", "data.processed"]);
    let work = workspace_with_remote_outputs();
    assert!(store.ok(&work, &["check"]).contains("s3://data/out is empty"));
    store.ok(&work, &["compress"]);
    let printed = store.ok(&work, &["check"]);
    assert!(printed.contains("s3://data/out holds"), "{printed}");
}
