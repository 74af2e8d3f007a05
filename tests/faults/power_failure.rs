//! What survives a power failure: each rename lies between the sync of what it renames and the sync of
//! its folder, and each new folder is synced into the one above it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::three_small_days;
use crate::harness::Workspace;

/// A system call of the program that succeeded, with absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    NewFolder(PathBuf),
    /// A new name in a folder: a file that was created or linked.
    NewName(PathBuf),
    Write(PathBuf),
}

/// Runs the program and returns its system calls on files of the workspace.
fn calls(work: &Workspace, args: &[&str]) -> Vec<Call> {
    let traced = "trace=openat,open,creat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,\
                  fsync,fdatasync,syncfs,write,pwrite64,ftruncate,copy_file_range";
    let text = work.traced(&["-y", "-s", "4096", "-e", traced], &work.command(args));
    let root = work.path("").canonicalize().unwrap();
    let mut unfinished: BTreeMap<String, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let line = line.trim_start();
        // a call during which another thread was scheduled is in two lines
        let line = if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread.to_owned(), start.to_owned());
            continue;
        } else if let Some((_, end)) = line.split_once(" resumed>") {
            unfinished.remove(thread).unwrap_or_default() + end
        } else {
            line.to_owned()
        };
        calls.extend(call(&line, &root));
    }
    calls
}

/// Parses a line such as `fsync(7</folder/file>) = 0`.
fn call(line: &str, root: &Path) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let quoted: Vec<&str> = arguments.split('"').skip(1).step_by(2).collect();
    let path = |text: &str| {
        let path = root.join(text);
        path.starts_with(root).then(|| path.components().collect::<PathBuf>())
    };
    let of_descriptor = || {
        let (_, path) = arguments.split_once('<')?;
        Some(PathBuf::from(path.split_once('>')?.0)).filter(|path| path.starts_with(root))
    };
    Some(match name {
        "fsync" | "fdatasync" => Call::Sync(of_descriptor()?),
        "write" | "pwrite64" | "ftruncate" | "copy_file_range" => Call::Write(of_descriptor()?),
        "rename" | "renameat" | "renameat2" => Call::Rename(path(quoted[0])?, path(quoted[1])?),
        "link" | "linkat" => Call::NewName(path(quoted[1])?),
        "mkdir" | "mkdirat" => Call::NewFolder(path(quoted[0])?),
        "open" | "openat" if arguments.contains("O_CREAT") => Call::NewName(path(quoted[0])?),
        _ => return None,
    })
}

/// Lock files, and files of which nothing is left.
fn is_of_no_consequence(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.ends_with(".lock") || name == "lock" || name.contains(".lock.")
}

fn assert_durable(calls: &[Call], what: &str) {
    let is_sync_of = |call: &Call, path: &Path| *call == Call::Sync(path.to_owned());
    let mut renames = 0;
    for (number, call) in calls.iter().enumerate() {
        let (before, after) = (&calls[..number], &calls[number + 1..]);
        match call {
            Call::Rename(from, to) if !is_of_no_consequence(to) && !is_of_no_consequence(from) => {
                renames += 1;
                let place = format!("{what}: {} to {}", from.display(), to.display());
                // everything that was written below was synced afterwards
                for (at, earlier) in before.iter().enumerate() {
                    let must_be_synced = match earlier {
                        Call::Write(path) => path,
                        Call::NewName(path) | Call::NewFolder(path) | Call::Rename(_, path)
                            if path != from =>
                        {
                            path.parent().unwrap()
                        }
                        _ => continue,
                    };
                    if !must_be_synced.starts_with(from) {
                        continue;
                    }
                    assert!(
                        before[at..].iter().any(|call| is_sync_of(call, must_be_synced)),
                        "{place}: {} is not synced before ({earlier:?})",
                        must_be_synced.display()
                    );
                }
                assert!(
                    before.iter().any(|call| is_sync_of(call, from)),
                    "{place}: it is not synced before"
                );
                assert!(
                    after.iter().any(|call| is_sync_of(call, to.parent().unwrap())),
                    "{place}: its folder is not synced afterwards"
                );
            }
            Call::NewFolder(folder) => assert!(
                after.iter().any(|call| is_sync_of(call, folder.parent().unwrap())),
                "{what}: {} is not synced into the folder above it",
                folder.display()
            ),
            _ => {}
        }
    }
    assert!(renames > 0, "{what}: {calls:?}");
}

#[test]
#[ignore = "needs strace: run make test"]
fn each_rename_lies_between_the_sync_of_its_file_and_of_its_folder() {
    let work = three_small_days();
    // folders that are new, with their parents
    let text = work.read("pipeline.toml").replace("\"processed\"", "\"new/deep/processed\"");
    work.write(
        "pipeline.toml",
        text.replace("embedded:warehouse", "embedded:other/deep/warehouse"),
    );
    for (args, expected) in [
        (&["compress"][..], "new/deep/processed/compressed_events"),
        (&["geojoin"], "new/deep/processed/lau.parquet"),
        (&["quality"], "new/deep/processed/quality_daily.parquet"),
        (&["load"], "other/deep/warehouse/CURRENT"),
        (&["views"], "other/deep/warehouse/results"),
        (&["load", "--force"], "other/deep/warehouse/v000002"),
        (&["compress", "--force"], "new/deep/processed/compressed_events.json"),
    ] {
        let calls = calls(&work, args);
        let expected = work.path("").canonicalize().unwrap().join(expected);
        let seen = |call: &Call| match call {
            Call::Rename(_, to) => *to == expected,
            Call::NewFolder(folder) => *folder == expected,
            _ => false,
        };
        assert!(calls.iter().any(seen), "{args:?}: {} in {calls:?}", expected.display());
        assert_durable(&calls, &format!("{args:?}"));
    }
}
