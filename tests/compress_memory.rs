//! `compress.memory`: what does not fit into memory goes to disk, and the results are the same.

use std::path::PathBuf;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::harness::{ProgramOutput, Workspace, array, fraction_of_cases};

/// Enough for the events of these tests only if a part of them goes to disk.
const TIGHT: &str = "61MiB";

const START: i64 = 1_727_740_800_000_000; // 2024-10-01 00:00
const HOUR: i64 = 3_600_000_000;

/// How the events of a test are made.
#[derive(Debug, Clone)]
struct Events {
    seed: u64,
    /// In order of time, so that no event has to be read again.
    sorted: bool,
    /// Ids are text, of up to this many characters; otherwise bytes.
    text: Option<usize>,
    users: usize,
    row_group: usize,
}

/// User, cell, time stamp; a missing user or cell is `None`.
type Event = (Option<usize>, Option<i64>, i64);

fn drawn(events: &Events) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(events.seed);
    let mut all: Vec<Event> = Vec::new();
    for _ in 0..90_000 {
        let copied = all.last().copied().filter(|_| random.random_ratio(1, 30));
        all.push(copied.unwrap_or_else(|| {
            let user = (!random.random_ratio(1, 500)).then(|| random.random_range(0..events.users));
            // some cells are in the plan
            let cell = random.random_range(1..12);
            let cell = if cell < 7 { 100 * cell } else { cell };
            let cell = (!random.random_ratio(1, 500)).then_some(cell);
            (user, cell, START + random.random_range(-HOUR..40 * HOUR) / 1_000_000 * 1_000_000)
        }));
    }
    if events.sorted {
        all.sort_by_key(|event| event.2);
    } else {
        all.shuffle(&mut random);
    }
    all
}

/// Writes the events into two files.
fn write(work: &Workspace, events: &Events) {
    let id = |user: usize, length: usize| {
        let text = format!("{user:x}-");
        text.repeat(length.div_ceil(text.len()))[..length].to_owned()
    };
    let all = drawn(events);
    for (number, part) in all.chunks(all.len() / 2 + 1).enumerate() {
        let users: ArrayRef = match events.text {
            // users of which some differ at the end only
            Some(longest) => array(StringArray::from_iter(
                part.iter().map(|e| e.0.map(|user| id(user, 6 + user * 7 % (longest - 5)))),
            )),
            None => array(BinaryArray::from_iter(
                part.iter().map(|e| e.0.map(|user| [&user.to_le_bytes()[..], &[7; 24]].concat())),
            )),
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("user_id", users),
            ("cell_id", array(Int64Array::from_iter(part.iter().map(|e| e.1)))),
            (
                "timestamp",
                array(TimestampMicrosecondArray::from_iter_values(part.iter().map(|e| e.2))),
            ),
        ];
        let path = work.path(&format!("raw/events/part-{number}.parquet"));
        crate::harness::write_parquet(&path, columns, events.row_group);
    }
}

/// A workspace with these events; `more` is put into its config.
fn workspace(events: &Events, more: &str) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    std::fs::create_dir_all(work.path("raw/events")).unwrap();
    write(&work, events);
    work.fix_users_key();
    work.config(more);
    work
}

/// A workspace with a part of its events on disk while they are compressed.
pub fn larger_than_memory() -> Workspace {
    let events =
        Events { seed: 7, sorted: true, text: Some(900), users: 15_000, row_group: 20_000 };
    workspace(&events, &format!("[compress]\nmemory = \"{TIGHT}\""))
}

fn bounded(work: &Workspace, memory: &str, args: &[&str]) -> ProgramOutput {
    let mut command = work.command(args);
    ProgramOutput::of(command.env("MOBILITY_COMPRESS_MEMORY", memory).output().unwrap())
}

/// Outputs of compress and quality, without the history of runs.
fn outputs(work: &Workspace) -> Vec<(PathBuf, u64)> {
    let mut files = work.snapshot("processed");
    files.retain(|(path, _)| !path.ends_with("runs.jsonl"));
    assert!(files.iter().any(|(path, _)| path.ends_with("quality_codes.parquet")), "{files:?}");
    files
}

fn assert_bound_changes_nothing(work: &Workspace, what: &str) {
    for stage in [["geojoin", "--force"], ["compress", "--force"], ["quality", "--force"]] {
        work.ok(&stage);
    }
    let expected = outputs(work);
    let ran = bounded(work, TIGHT, &["compress", "--force", "--verbose"]);
    assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains("did not fit into memory"), "{what}: {}", ran.stderr);
    work.ok(&["quality", "--force"]);
    assert_eq!(outputs(work), expected, "{what}");
}

proptest! {
    #![proptest_config(fraction_of_cases(40))]

    #[test]
    fn outputs_are_the_same_bytes_with_and_without_a_bound(
        seed in any::<u64>(),
        sorted in any::<bool>(),
        text in prop::option::of(600usize..1_000),
        quarantine in any::<bool>(),
        users in 12_000usize..20_000,
        row_group in 3_000usize..40_000,
    ) {
        // ids of bytes take less memory, so that there have to be more users
        let users = if text.is_some() { users } else { 70_000 };
        let events = Events { seed, sorted, text, users, row_group };
        let work = workspace(&events, &format!("[checks]\nquarantine = {quarantine}"));
        assert_bound_changes_nothing(&work, &format!("{events:?}"));
    }
}

#[test]
fn checks_that_need_no_order_give_the_same_with_and_without_a_bound() {
    let events =
        Events { seed: 5, sorted: false, text: Some(900), users: 15_000, row_group: 20_000 };
    for off in
        ["'duplicate', 'two_places', 'too_fast_both', 'too_fast_once', 'ping_pong'", "'duplicate'"]
    {
        let work = workspace(&events, &format!("[checks]\noff = [{off}]"));
        assert_bound_changes_nothing(&work, off);
    }
}

#[test]
fn bound_below_what_is_needed_is_refused_with_the_least_that_works() {
    let work = Workspace::mini();
    let ran = bounded(&work, "1MiB", &["compress"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let (_, least) = ran.stderr.split_once("set it to \"").unwrap();
    let least = least.split_once('"').unwrap().0;
    let ran = bounded(&work, least, &["compress"]);
    assert_eq!(ran.status, 0, "{least}: {}", ran.stderr);
    let ran = bounded(&work, "a lot", &["compress"]);
    assert!(ran.status != 0 && ran.stderr.contains("512MiB"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs strace: run make test"]
fn temporary_files_are_for_their_owner_alone_and_leave_nothing() {
    let events =
        Events { seed: 6, sorted: true, text: Some(900), users: 15_000, row_group: 30_000 };
    let work = workspace(&events, "[output]\nmode = \"group\"");
    let mut command = work.command(&["compress", "--force"]);
    command.env("MOBILITY_COMPRESS_MEMORY", TIGHT);
    let trace = work.traced(&["-e", "trace=openat,fchmod"], &command);
    let count = |words: &[&str]| {
        trace.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    };
    // calls of other threads may interrupt a line before its result
    let temporary = count(&["openat(", "O_TMPFILE"]);
    assert!(temporary > 0, "nothing went to disk");
    assert_eq!(count(&["fchmod(", "0600"]), temporary, "{trace}");
}
