//! From user ids to rows of hourly presence, with the proportions of the day of a country: 150,000
//! users, 3,000 cells, 24 hours.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobility::checks::Checks;
use mobility::checks::duplicates::Touching;
use mobility::checks::event_run::EventRun;
use mobility::checks::open_run::{RunLimits, RunPolicy};
use mobility::checks::sequence::{CheckedDate, Rules};
use mobility::datasets::day_record::DigestKey;
use mobility::domain::time::{DayShift, LocalDate, SpanHour};
use mobility::stages::compress::batches::RowGroup;
use mobility::stages::compress::cell_ids::CellIds;
use mobility::stages::compress::combined::combine;
use mobility::stages::compress::date_rows::{Judge, JudgeContext};
use mobility::stages::compress::reread::Reread;
use mobility::stages::compress::run_buffer::RunBuffer;
use mobility::stages::compress::user_ids::UserIds;
use mobility::stages::compress::worker_state::WorkerState;

use crate::random::Random;

const LIMITS: RunLimits = RunLimits { policy: RunPolicy::Dedup, max_gap_us: u32::MAX };
const USERS: usize = 150_000;
const CELLS: u64 = 3_000;
const EVENTS: usize = 1 << 20;

fn ids(seed: u64) -> Vec<[u8; 32]> {
    let mut random = Random(seed);
    (0..USERS).map(|_| random.hash()).collect()
}

/// The ids of users drawn at random, as an Arrow column contains them.
fn drawn(ids: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut random = Random(2);
    (0..EVENTS).map(|_| ids[random.below(USERS as u64) as usize]).collect()
}

fn users(ids: &[[u8; 32]]) -> UserIds {
    let mut users = UserIds::default();
    users.intern_all(ids.len(), |i| Some(ids[i].as_slice()), &mut Vec::new());
    users
}

/// Events of a whole date: user, hour, cell, microseconds into the hour.
fn events() -> Vec<(u32, u32, u32, u32)> {
    let mut random = Random(3);
    let mut below = |end: u64| random.below(end) as u32;
    (0..EVENTS)
        .map(|_| (below(USERS as u64), below(24), below(CELLS), below(3_600_000_000)))
        .collect()
}

#[divan::bench]
fn intern_known_users(bencher: Bencher) {
    let ids = ids(1);
    let rows = drawn(&ids);
    let mut users = users(&ids);
    let mut numbers = Vec::with_capacity(rows.len());
    bencher.counter(ItemsCount::new(rows.len())).bench_local(|| {
        numbers.clear();
        users.intern_all(rows.len(), |i| Some(rows[i].as_slice()), &mut numbers);
        black_box(numbers.len())
    });
}

#[divan::bench]
fn intern_new_users(bencher: Bencher) {
    let ids = ids(1);
    bencher.counter(ItemsCount::new(ids.len())).bench_local(|| users(black_box(&ids)));
}

#[divan::bench]
fn intern_cells(bencher: Bencher) {
    let mut random = Random(4);
    let cell = |_| (9_000_000_000_000 + random.below(CELLS)) as i64;
    let ids: Vec<i64> = (0..EVENTS).map(cell).collect();
    let mut cells = CellIds::default();
    let mut numbers = Vec::with_capacity(EVENTS);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        numbers.clear();
        numbers.extend(black_box(&ids).iter().map(|id| cells.intern_number(*id)));
        black_box(numbers.len())
    });
}

/// Four consecutive events at one cell, then another cell: typical for a user.
#[divan::bench]
fn count_events(bencher: Bencher) {
    let mut users = users(&ids(1));
    let mut events = events();
    events.truncate(EVENTS / 4);
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(RunBuffer::default).bench_local_values(
        |mut runs| {
            for (user, hour, cell, us) in &events {
                for later in 0..4 {
                    let event = (SpanHour::new(*hour, false), *cell, us + later);
                    users.count(*user, event, 0, LIMITS, &mut runs);
                }
            }
            runs
        },
    );
}

#[divan::bench]
fn buffer_and_sort_by_user(bencher: Bencher) {
    let events = events();
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        let mut runs = RunBuffer::default();
        for &(user, hour, cell, us) in black_box(&events) {
            runs.push(user, EventRun::event(user, SpanHour::new(hour, false), cell, us, 0));
        }
        runs.sort_by_user();
        runs
    });
}

/// The states of two threads with the same users in another order, to rows in their final order.
#[divan::bench]
fn combine_two_workers(bencher: Bencher) {
    let worker = |names: &[[u8; 32]], events: &[(u32, u32, u32, u32)]| {
        let mut worker = WorkerState::default();
        worker.users = users(names);
        for cell in 0..CELLS as i64 {
            worker.cells.intern_number(cell);
        }
        for &(user, hour, cell, us) in events {
            let event = (SpanHour::new(hour, false), cell, us);
            worker.users.count(user, event, 0, LIMITS, &mut worker.runs);
        }
        worker.close();
        worker
    };
    let events = events();
    let (half, rest) = events.split_at(events.len() / 2);
    let names = ids(1);
    let reversed: Vec<_> = names.iter().rev().copied().collect();
    let groups = [RowGroup::default()];
    let folder = tempfile::tempdir().unwrap();
    let key = DigestKey::create(&folder.path().join("users.key")).unwrap();
    let context = JudgeContext {
        rules: &Rules::new(&Checks::default()),
        dates: vec![CheckedDate {
            date: LocalDate(0),
            shift: DayShift::default(),
            locations: None,
        }],
        groups: &groups,
        has_overlaps: false,
        touching: Touching::BetweenRowGroups,
        keep_rejected: false,
        key: &key,
        visit_gap_us: i64::MAX,
    };
    bencher
        .counter(ItemsCount::new(events.len()))
        .with_inputs(|| vec![worker(&names, half), worker(&reversed, rest)])
        .bench_local_values(|workers| {
            let combined = combine(workers).unwrap();
            let reread = Reread::default();
            let mut judge = Judge::new(&context, 0..1, &reread);
            let mut written = 0;
            let visited = combined.visit(0..combined.users(), |user| {
                judge.add(user, |_, _, rows, _| {
                    written += rows.len();
                    Ok(())
                })
            });
            visited.unwrap();
            written
        });
}
