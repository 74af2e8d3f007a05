//! The files of the store of released tables: changed ones are noticed.

use std::path::Path;

use super::world::of_one_date;
use crate::harness::Workspace;

const QUERY: [&str; 6] = ["query", "by-lau", "--audience", "public", "--format", "csv"];

/// The paths of all files below the store that match a pattern, in order.
fn files(work: &Workspace, pattern: &str) -> Vec<String> {
    let root = work.path("published");
    let found = glob::glob(&format!("{}/{pattern}", root.display())).unwrap();
    let found = found.map(Result::unwrap).filter(|path| path.is_file());
    found.map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
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
