//! Locks: every command that writes takes one, also where the file system has none, and on hosts that
//! know nothing of each other's processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rand::RngExt;

use super::{UndisturbedRun, random, rounds, three_small_days, unfinished_files};
use crate::harness::{ProgramOutput, Workspace, send_signal, wait_until};

/// A library that makes `flock` fail as on a file system without locks, with the error of the variable
/// `FLOCK_ERROR`.
fn library_without_flock() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let id = std::process::id();
        let source = folder.join(format!("flock-{id}.c"));
        let library = folder.join(format!("flock-{id}.so"));
        let text = "#include <errno.h>\n#include <stdlib.h>\n\
                    int flock(int file, int operation) {\n\
                    \x20 errno = atoi(getenv(\"FLOCK_ERROR\"));\n  return -1;\n}\n";
        fs::write(&source, text).unwrap();
        let mut compiler = Command::new("cc");
        let built = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
        assert!(built.unwrap().success());
        fs::remove_file(source).unwrap();
        library
    })
}

const ENOLCK: u32 = 37;

/// The program on a file system without locks.
fn without_flock(work: &Workspace, error: u32, args: &[&str]) -> Command {
    let mut command = work.command(args);
    command.env("LD_PRELOAD", library_without_flock()).env("FLOCK_ERROR", error.to_string());
    command
}

fn ran(mut command: Command) -> ProgramOutput {
    ProgramOutput::of(command.output().unwrap())
}

/// The program on a host with another name, which sees the same files.
fn on_host(host: &str, command: &Command) -> Command {
    let mut there = Command::new("unshare");
    there.args(["--map-root-user", "--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", host]);
    there.arg(command.get_program()).args(command.get_args());
    there.current_dir(command.get_current_dir().unwrap()).env_clear();
    // the shell needs its path, and unshare does not load the library for itself
    there.env("PATH", std::env::var_os("PATH").unwrap());
    there.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    there
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Stops a run of `compress` while it writes.
fn stopped_while_writing(work: &Workspace, command: Command) -> (Child, PathBuf) {
    let child = spawn(command);
    let pattern = work.path("processed/.compressed_events.*.unfinished");
    let found = || glob::glob(&pattern.to_string_lossy()).unwrap().flatten().next();
    wait_until("compress writes", || found().is_some());
    send_signal(child.id(), "STOP");
    let folder = found().expect("the run was stopped too late");
    (child, folder)
}

/// Inputs that take a while.
fn many_events() -> Workspace {
    let work = Workspace::mini();
    work.replace_inputs_with_synthetic(1_000_000, 1);
    work
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn lock_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "lock")).collect()
}

#[test]
fn every_command_that_writes_takes_a_lock() {
    let work = three_small_days();
    work.ok(&["run-all"]);
    work.write("from/events/a.csv", "user_id,cell_id,timestamp\nu,100,2024-10-01 00:00:00\n");
    fs::create_dir_all(work.path("to")).unwrap();
    let extract = ["extract", "--events", "from/events", "--to", "to"];
    let cases: [(&str, &[&[&str]]); 4] = [
        (
            "processed",
            &[
                &["compress"],
                &["geojoin"],
                &["quality"],
                &["load", "--force"],
                &["run-all"],
                &["compress", "--force"],
                &["purge", "--before", "2024-10-02", "--yes"],
            ],
        ),
        ("warehouse/lock", &[&["load", "--force"], &["views"], &["views", "--refresh"]]),
        ("to", &[&extract]),
        ("raw", &[&["synth", "--out", "raw", "--events", "1000"]]),
    ];
    for (target, commands) in cases {
        let before = work.snapshot("");
        let held = File::open(work.path(target)).unwrap();
        held.lock().unwrap();
        for args in commands {
            work.fails(args, 1, &["another run of mobility is using", "try again"]);
        }
        assert_eq!(work.snapshot(""), before, "{target}");
    }
    work.ok(&extract);
    assert!(work.path("to/events").exists());
}

#[test]
fn outputs_are_the_same_on_a_file_system_without_locks() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    // ENOLCK, ENOSYS, EOPNOTSUPP, EBADF as NFS reports for folders, EIO
    for error in [ENOLCK, 38, 95, 9, 5] {
        let run = ran(without_flock(&work, error, &["run-all", "--force"]));
        assert_eq!(run.status, 0, "{error}: {}", run.stderr);
        undisturbed.assert_equal_to(&work, &format!("error {error}"));
        for folder in ["processed", "warehouse"] {
            assert_eq!(lock_files(&work.path(folder)), Vec::<PathBuf>::new(), "{error}");
        }
        let runs = work.read("processed/runs.jsonl");
        assert!(runs.lines().last().unwrap().contains("run-all"), "{runs}");
    }
}

#[test]
fn concurrent_runs_without_flock_complete_or_report_the_other_run() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    let pairs: [[&[&str]; 2]; 3] = [
        [&["compress", "--force"], &["compress", "--force"]],
        [&["run-all", "--force"], &["run-all", "--force"]],
        [&["load", "--force"], &["compress", "--force"]],
    ];
    for seed in 0..rounds(6) {
        let mut random = random(seed);
        let pair = pairs[seed as usize % pairs.len()];
        let first = spawn(without_flock(&work, ENOLCK, pair[0]));
        std::thread::sleep(Duration::from_millis(random.random_range(0..100)));
        let second = spawn(without_flock(&work, ENOLCK, pair[1]));
        let both = [first, second].map(|run| ProgramOutput::of(run.wait_with_output().unwrap()));
        for run in both.iter().filter(|run| run.status != 0) {
            let reported = run.status == 1 && run.stderr.contains("another run of mobility");
            assert!(reported, "seed {seed}, {pair:?}: {}", run.stderr);
        }
        let run = ran(without_flock(&work, ENOLCK, &["run-all"]));
        assert_eq!(run.status, 0, "{}", run.stderr);
        undisturbed.assert_equal_to(&work, &format!("seed {seed}, {pair:?}"));
    }
}

#[test]
fn run_killed_without_flock_does_not_stop_the_next_one_on_its_host() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    let mut killed = 0;
    for seed in 0..rounds(10) {
        let mut random = random(seed);
        let mut child = spawn(without_flock(&work, ENOLCK, &["run-all", "--force"]));
        std::thread::sleep(Duration::from_millis(random.random_range(0..800)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        kill(child);
        let run = ran(without_flock(&work, ENOLCK, &["run-all"]));
        assert_eq!(run.status, 0, "seed {seed}: {}", run.stderr);
        undisturbed.assert_equal_to(&work, &format!("seed {seed}"));
        assert_eq!(lock_files(&work.path("processed")), Vec::<PathBuf>::new());
    }
    assert!(killed > 0);
}

#[test]
fn lock_of_another_host_is_respected_until_it_is_removed() {
    let work = many_events();
    let compress = || without_flock(&work, ENOLCK, &["compress"]);
    let (other, folder) = stopped_while_writing(&work, on_host("elsewhere", &compress()));
    let lock = work.path("processed/.mobility.lock");
    let refused = || {
        let here = [compress(), work.command(&["compress"]), work.command(&["load"])];
        for run in here.map(ran) {
            assert_eq!(run.status, 1, "{}", run.stderr);
            for word in [
                "another run of mobility is using processed",
                "on elsewhere, since 20",
                "last sign of life",
                "remove processed/.mobility.lock",
            ] {
                assert!(run.stderr.contains(word), "no {word:?} in {}", run.stderr);
            }
        }
        assert!(lock.exists() && folder.exists());
    };
    refused();
    // its host alone could tell that it was killed
    kill(other);
    refused();
    fs::remove_file(&lock).unwrap();
    let run = ran(compress());
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!lock.exists() && work.path("processed/compressed_events/date=2024-10-01").exists());
    assert!(folder.exists(), "the leftovers of the other host stay until they are old");
}

#[test]
fn run_that_lost_its_lock_replaces_nothing() {
    let work = many_events();
    let (child, folder) = stopped_while_writing(&work, work.command(&["compress"]));
    fs::remove_file(work.path("processed/.mobility.lock")).unwrap();
    send_signal(child.id(), "CONT");
    let run = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("the lock file") && run.stderr.contains("run again"),
        "{}",
        run.stderr
    );
    assert!(!work.path("processed/compressed_events").exists() && !folder.exists());
    work.ok(&["compress"]);
}

#[test]
fn container_on_the_same_host_is_told_by_the_lock_of_the_system() {
    let work = many_events();
    let compress = || work.command(&["compress"]);
    let (other, _) = stopped_while_writing(&work, on_host("container", &compress()));
    let words = ["another run of mobility is using processed", "on container, since 20"];
    work.fails(&["compress"], 1, &words);
    kill(other);
    // the system released the lock, so the file of the ended run is no obstacle
    work.ok(&["compress"]);
    assert_eq!(lock_files(&work.path("processed")), Vec::<PathBuf>::new());
}

#[test]
fn readers_of_a_folder_that_cannot_be_written_need_no_lock_file() {
    let work = three_small_days();
    work.ok(&["run-all"]);
    assert_eq!(unfinished_files(&work.path("")), Vec::<PathBuf>::new());
    let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
    let read_only = |command: Command| {
        let mut limited = Command::new(if root { "setpriv" } else { "env" });
        if root {
            limited.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        limited.arg(command.get_program()).args(command.get_args());
        limited.current_dir(command.get_current_dir().unwrap());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        ran(limited)
    };
    let mode = |mode: &str, name: &str| {
        let done = Command::new("chmod").args(["-R", mode]).arg(work.path(name)).status().unwrap();
        assert!(done.success());
    };
    mode("a+rwX", "");
    mode("a-w", "processed");
    let with_locks = read_only(work.command(&["load"]));
    let without = read_only(without_flock(&work, ENOLCK, &["load"]));
    mode("u+w", "");
    assert_eq!(with_locks.status, 0, "{}", with_locks.stderr);
    assert_eq!(without.status, 1, "{}", without.stderr);
    assert!(without.stderr.contains("cannot lock processed"), "{}", without.stderr);
}
