//! From user ids to rows of hourly presence, with the proportions of the day of a country: 150,000
//! users, 3,000 cells, 24 hours.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobility::config::Checks;
use mobility::domain::time::{DayShift, LocalDate};
use mobility::stages::compress::cells::Cells;
use mobility::stages::compress::combine::{Bench, combine};
use mobility::stages::compress::details::Details;
use mobility::stages::compress::group::{Pile, Run};
use mobility::stages::compress::judge::{Day, Rules};
use mobility::stages::compress::plan::RowGroup;
use mobility::stages::compress::users::{Order, Users};
use mobility::stages::compress::worker::Share;

use crate::random::Random;

const USERS: usize = 150_000;
const CELLS: u64 = 3_000;
const EVENTS: usize = 1 << 20;

fn ids(seed: u64) -> Vec<[u8; 32]> {
    let mut random = Random(seed);
    (0..USERS).map(|_| random.hash()).collect()
}

/// Rows of ids, each of a user drawn at random, as they lie in an Arrow column.
fn drawn(ids: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut random = Random(2);
    (0..EVENTS).map(|_| ids[random.below(USERS as u64) as usize]).collect()
}

fn users(ids: &[[u8; 32]]) -> Users {
    let mut users = Users::default();
    users.intern_all(ids.len(), |i| Some(ids[i].as_slice()), &mut Vec::new());
    users
}

/// Events all over the day: user, hour, cell, microseconds into the hour.
fn events() -> Vec<(u32, u32, u32, u32)> {
    let mut random = Random(3);
    let mut below = |end: u64| random.below(end) as u32;
    (0..EVENTS)
        .map(|_| (below(USERS as u64), below(24), below(CELLS), below(3_600_000_000)))
        .collect()
}

#[divan::bench]
fn intern_users_that_are_known(bencher: Bencher) {
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
fn intern_users_that_are_new(bencher: Bencher) {
    let ids = ids(1);
    bencher.counter(ItemsCount::new(ids.len())).bench_local(|| users(black_box(&ids)));
}

#[divan::bench]
fn intern_cells(bencher: Bencher) {
    let mut random = Random(4);
    let cell = |_| (9_000_000_000_000 + random.below(CELLS)) as i64;
    let ids: Vec<i64> = (0..EVENTS).map(cell).collect();
    let mut cells = Cells::default();
    let mut numbers = Vec::with_capacity(EVENTS);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        numbers.clear();
        numbers.extend(black_box(&ids).iter().map(|id| cells.intern_number(*id)));
        black_box(numbers.len())
    });
}

/// Four events in a row at the same place, then another place: as a user's events mostly come.
#[divan::bench]
fn count_events(bencher: Bencher) {
    let mut users = users(&ids(1));
    let mut events = events();
    events.truncate(EVENTS / 4);
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(Pile::default).bench_local_values(
        |mut pile| {
            for (user, hour, cell, us) in &events {
                for later in 0..4 {
                    users.count(*user, (2 * hour, *cell, us + later), 0, Order::Once, &mut pile);
                }
            }
            pile
        },
    );
}

#[divan::bench]
fn pile_up_and_sort_by_user(bencher: Bencher) {
    let events = events();
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        let mut pile = Pile::default();
        for &(user, hour, cell, us) in black_box(&events) {
            pile.push(user, Run::event(user, 2 * hour, cell, us, 0));
        }
        pile.sort_by_user();
        pile
    });
}

/// Two threads' shares with the same users in another order, to rows in their final order.
#[divan::bench]
fn combine_two_shares(bencher: Bencher) {
    let share = |names: &[[u8; 32]], events: &[(u32, u32, u32, u32)]| {
        let mut share = Share::default();
        share.users = users(names);
        for cell in 0..CELLS as i64 {
            share.cells.intern_number(cell);
        }
        for &(user, hour, cell, us) in events {
            share.users.count(user, (2 * hour, cell, us), 0, Order::Once, &mut share.pile);
        }
        share.close();
        share
    };
    let events = events();
    let (half, rest) = events.split_at(events.len() / 2);
    let names = ids(1);
    let reversed: Vec<_> = names.iter().rev().copied().collect();
    let groups = [RowGroup::default()];
    let bench = Bench {
        rules: &Rules::new(&Checks::default()),
        days: vec![Day { date: LocalDate(0), shift: DayShift::default(), places: None }],
        groups: &groups,
        keep_rejected: false,
    };
    bencher
        .counter(ItemsCount::new(events.len()))
        .with_inputs(|| vec![share(&names, half), share(&reversed, rest)])
        .bench_local_values(|shares| {
            let combined = combine(shares);
            combined.judge(0..combined.users(), &Details::default(), &bench)
        });
}
