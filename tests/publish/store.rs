//! The files of the store of released tables: changed ones are noticed, and replaced ones removed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::{add_devices, load, of_one_date, three_units};
use crate::harness::Workspace;

const QUERY: [&str; 6] = ["query", "by-lau", "--audience", "public", "--format", "csv"];

/// The paths of all files below the store that match a pattern, in order.
fn files(work: &Workspace, pattern: &str) -> Vec<String> {
    let root = work.path("published");
    let found = glob::glob(&format!("{}/{pattern}", root.display())).unwrap();
    let found = found.map(Result::unwrap).filter(|path| path.is_file());
    found.map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
}

fn released_ids(work: &Workspace) -> Vec<String> {
    let list: serde_json::Value =
        serde_json::from_str(&work.read("published/published.json")).unwrap();
    let ids = list["releases"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn changed_and_truncated_files_are_reported_with_what_to_do() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    let dry_run = ["publish", "--dry-run"];
    let list = ["publish", "list"];
    let laus = ["query", "lau", "--audience", "public"];
    let history = "later releases are compared with earlier ones";
    let again = "publish its dates again";
    for (pattern, args, remedy) in [
        ("tables/by_lau/*.parquet", &QUERY[..], again),
        ("tables/lau.*.parquet", &laus[..], again),
        ("releases/*/published.parquet", &dry_run[..], history),
        ("releases/*/release.json", &list[..], history),
    ] {
        let names = files(&work, pattern);
        let [name] = &names[..] else { panic!("{pattern}: {names:?}") };
        let path = format!("published/{name}");
        let file = Path::new(name).file_name().unwrap().to_str().unwrap();
        let good = work.read_bytes(&path);
        work.ok(args);
        let mut changed = good.clone();
        // a number in the middle, and not the structure of the file
        changed[good.len() / 3] ^= 1;
        for bytes in [&changed[..], &good[..good.len() - 1]] {
            work.write(&path, bytes);
            work.fails(args, 1, &[file, "was changed or cut off", "SHA-256", remedy]);
        }
        work.remove(&path);
        work.fails(args, 1, &[file, remedy]);
        work.write(&path, &good);
        work.ok(args);
    }
}

#[test]
fn files_without_sums_of_an_earlier_version_are_read_and_get_them_with_the_next_release() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out", "--view", "totals"]);
    let mut list: serde_json::Value =
        serde_json::from_str(&work.read("published/published.json")).unwrap();
    list.as_object_mut().unwrap().remove("sums").unwrap();
    work.write("published/published.json", list.to_string());
    let totals = ["query", "totals", "--audience", "public", "--format", "csv"];
    work.ok(&totals);
    work.ok(&["publish", "later", "--view", "by-lau"]);
    let name = &files(&work, "tables/totals/*.parquet")[0];
    let path = format!("published/{name}");
    let bytes = work.read_bytes(&path);
    work.write(&path, &bytes[..bytes.len() - 1]);
    work.fails(&totals, 1, &["was changed or cut off"]);
}

/// A store with one release, and another number of devices in the warehouse.
fn with_late_devices() -> Workspace {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [20, 40, 100]);
    let work = load(&world, "");
    work.ok(&["publish", "first"]);
    let mut late = three_units();
    for device in 0..30 {
        late.seen(&format!("late{device}"), "c", "2024-10-01 11:00:00");
    }
    late.write_events(&work, "late.csv");
    work.ok(&["run-all"]);
    work
}

#[test]
fn replaced_files_are_removed_and_the_history_stays() {
    let work = with_late_devices();
    let first = files(&work, "**/*");
    let old_rows = work.read_bytes(&format!("published/{}", files(&work, "tables/by_lau/*")[0]));
    // what a release left that was killed before it became known
    work.write("published/tables/by_lau/2024-10-01.dead.parquet", "dead");
    work.write("published/releases/dead/release.json", "dead");
    work.ok(&["publish", "second"]);
    let [one, two] = &released_ids(&work)[..] else { panic!("two releases") };
    let expected = |store: &[String]| {
        assert_eq!(
            store.iter().filter(|name| name.starts_with("tables")).cloned().collect::<Vec<_>>(),
            [
                format!("tables/by_lau/2024-10-01.{two}.parquet"),
                format!("tables/lau.{two}.parquet"),
                format!("tables/totals/2024-10-01.{two}.parquet"),
            ]
        );
        for id in [one, two] {
            assert!(store.contains(&format!("releases/{id}/published.parquet")), "{store:?}");
        }
        assert!(!store.iter().any(|name| name.contains("dead")), "{store:?}");
    };
    expected(&files(&work, "**/*"));
    assert!(first.contains(&format!("tables/by_lau/2024-10-01.{one}.parquet")));
    assert!(work.ok(&QUERY).contains("2024-10-01,EE_C,130,false"));
    // killed before they were removed
    work.write(&format!("published/tables/by_lau/2024-10-01.{one}.parquet"), &old_rows);
    work.ok(&["publish", "second"]);
    expected(&files(&work, "**/*"));
}

fn copy(work: &Workspace, from: &str, to: &str) {
    let _ = fs::remove_dir_all(work.path(to));
    let mut cp = Command::new("cp");
    let copied = cp.args(["-a", "--"]).args([work.path(from), work.path(to)]).status().unwrap();
    assert!(copied.success());
}

#[test]
fn files_are_never_removed_before_what_replaces_them_is_known() {
    let work = with_late_devices();
    copy(&work, "published", "before");
    let before = work.ok(&QUERY);
    let started = Instant::now();
    work.ok(&["publish", "second"]);
    let usual = started.elapsed();
    let after = work.ok(&QUERY);
    assert_ne!(before, after);
    let whole = work.snapshot("published");
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut old, mut new) = (0, 0);
    for _ in 0..12 {
        copy(&work, "before", "published");
        fs::remove_dir_all(work.path("second")).ok();
        let mut child = work.command(&["publish", "second"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(usual.mul_f64(random.random_range(0.4..1.1)));
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = work.ok(&QUERY);
        assert!(shown == before || shown == after, "{shown}");
        *(if shown == before { &mut old } else { &mut new }) += 1;
        work.ok(&["publish", "second"]);
        assert_eq!(work.snapshot("published"), whole);
    }
    assert!(old > 0, "{old} runs were killed before the release was known, and {new} after");
}
