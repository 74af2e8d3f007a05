//! No room on the disk.

use super::{Whole, small};
use crate::harness::{ProgramOutput, Workspace};

/// Runs with files that can grow to `blocks` of 512 bytes and then fail as on a full disk.
fn limited(work: &Workspace, blocks: u32, args: &[&str]) -> ProgramOutput {
    let program = env!("CARGO_BIN_EXE_mobility");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, "sh"]).args(args).current_dir(work.path(""));
    ProgramOutput::of(command.output().unwrap())
}

#[test]
fn without_room_every_stage_says_so_and_the_state_before_stands() {
    let work = small();
    let whole = Whole::of(&work);
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
            whole.stands(&work, &format!("{args:?} {blocks}"));
        }
        assert_eq!(
            (work.read("out.csv"), work.read("out.parquet")),
            ("before".into(), "before".into())
        );
    }
    work.ok(&["run-all", "--force"]);
    whole.stands(&work, "with room again");
}
