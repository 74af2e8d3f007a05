//! Folders that may be read but not written.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::{UndisturbedRun, three_small_days};
use crate::harness::{ProgramOutput, Workspace};

/// Runs the program without the right to write: as another user if the tests run as root, for whom
/// permissions are not enforced.
fn run_without_write_permission(work: &Workspace, args: &[&str]) -> ProgramOutput {
    let program = env!("CARGO_BIN_EXE_mobility");
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    ProgramOutput::of(command.args(args).current_dir(work.path("")).output().unwrap())
}

fn set_permissions(work: &Workspace, mode: &str) {
    let done = Command::new("chmod").args(["-R", mode]).arg(work.path("")).status().unwrap();
    assert!(done.success());
}

#[test]
fn read_only_folder_answers_queries_and_rejects_changes() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    let (stored, other) = ("agg_events_per_hour", "view_users_per_lau_day_night");
    let requested = |view| ["query", view, "--format", "csv"];
    let expected = [stored, other].map(|view| work.ok(&requested(view)));
    // remove the stored result of one view
    let result = format!("{}/warehouse/results/{other}.*", work.path("").display());
    for path in glob::glob(&result).unwrap() {
        std::fs::remove_file(path.unwrap()).unwrap();
    }
    let before = work.snapshot("warehouse");
    set_permissions(&work, "a-w,a+rX");
    let ran = [stored, other].map(|view| run_without_write_permission(&work, &requested(view)));
    let refused = ["compress", "geojoin", "load", "run-all"]
        .map(|stage| run_without_write_permission(&work, &[stage, "--force"]));
    let refreshed = run_without_write_permission(&work, &["views", "--refresh"]);
    set_permissions(&work, "u+w");
    for (ran, expected) in ran.iter().zip(&expected) {
        assert_eq!((ran.status, &ran.stdout), (0, expected), "{}", ran.stderr);
    }
    for ran in refused.iter().chain([&refreshed]) {
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("Permission denied"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    assert_eq!(work.snapshot("warehouse"), before);
    undisturbed.assert_equal_to(&work, "afterwards");
}
