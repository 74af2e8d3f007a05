//! No space left on the disk.

use super::{UndisturbedRun, three_small_days};
use crate::compress_memory::larger_than_memory;
use crate::harness::{ProgramOutput, Workspace};

/// Runs the program with files limited to `blocks` of 512 bytes, which fails as a full disk does.
fn limited(work: &Workspace, blocks: u32, args: &[&str]) -> ProgramOutput {
    let program = env!("CARGO_BIN_EXE_mobility");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, "sh"]).args(args).current_dir(work.path(""));
    ProgramOutput::of(command.output().unwrap())
}

#[test]
fn full_disk_is_reported_by_every_stage_and_previous_outputs_are_unchanged() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    work.write("out.csv", "before");
    work.write("out.parquet", "before");
    let view = "agg_events_per_hour";
    let stages: [(&[&str], &[u32]); 7] = [
        (&["run-all", "--force"], &[0, 1]),
        (&["compress", "--force"], &[0, 1]),
        (&["geojoin", "--force"], &[0, 1]),
        (&["load", "--force"], &[0]),
        (&["views", "--refresh"], &[0, 1]),
        (&["query", view, "--output", "out.csv"], &[0, 1]),
        (&["query", view, "--output", "out.parquet"], &[0, 1]),
    ];
    for (args, sizes) in stages {
        for blocks in sizes {
            let ran = limited(&work, *blocks, args);
            assert_eq!(ran.status, 1, "{args:?} {blocks}: {}", ran.stderr);
            assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
            assert!(ran.stderr.contains("File too large"), "{args:?} {blocks}: {}", ran.stderr);
            undisturbed.assert_equal_to(&work, &format!("{args:?} {blocks}"));
        }
        assert_eq!(
            (work.read("out.csv"), work.read("out.parquet")),
            ("before".into(), "before".into())
        );
    }
    work.ok(&["run-all", "--force"]);
    undisturbed.assert_equal_to(&work, "with room again");
}

#[test]
fn full_disk_is_reported_if_events_that_do_not_fit_into_memory_cannot_go_there() {
    let work = larger_than_memory();
    let undisturbed = UndisturbedRun::of(&work);
    let ran = limited(&work, 1_000, &["compress", "--force"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    for words in ["does not fit into compress.memory", "is the disk full?", "File too large"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    undisturbed.assert_equal_to(&work, "full disk");
}
