//! Folders that may be read and not written.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::{Whole, small};
use crate::harness::{ProgramOutput, Workspace};

/// Runs as somebody who may read the folder and not write into it: another user where the tests
/// run as root, to whom permissions mean nothing.
fn stranger(work: &Workspace, args: &[&str]) -> ProgramOutput {
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

fn permit(work: &Workspace, mode: &str) {
    let done = Command::new("chmod").args(["-R", mode]).arg(work.path("")).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_read_only_folder_answers_everything_and_refuses_to_change() {
    let work = small();
    let whole = Whole::of(&work);
    let (stored, other) = ("agg_events_per_hour", "view_users_per_lau_day_night");
    let asked = |view| ["query", view, "--format", "csv"];
    let expected = [stored, other].map(|view| work.ok(&asked(view)));
    // one view has no stored result
    let result = format!("{}/warehouse/v*/results/{other}.*", work.path("").display());
    for path in glob::glob(&result).unwrap() {
        std::fs::remove_file(path.unwrap()).unwrap();
    }
    let before = work.snapshot("warehouse");
    permit(&work, "a-w,a+rX");
    let ran = [stored, other].map(|view| stranger(&work, &asked(view)));
    let refused = ["compress", "geojoin", "load", "run-all"]
        .map(|stage| stranger(&work, &[stage, "--force"]));
    let refreshed = stranger(&work, &["views", "--refresh"]);
    permit(&work, "u+w");
    for (ran, expected) in ran.iter().zip(&expected) {
        assert_eq!((ran.status, &ran.stdout), (0, expected), "{}", ran.stderr);
    }
    for ran in refused.iter().chain([&refreshed]) {
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("Permission denied"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    assert_eq!(work.snapshot("warehouse"), before);
    whole.stands(&work, "afterwards");
}
