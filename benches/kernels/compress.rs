//! From user ids to rows of hourly presence, with the proportions of the day of a country: 150,000
//! users, 3,000 cells, 24 hours.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobility::compress::cells::Cells;
use mobility::compress::combine::combine;
use mobility::compress::group::{Partial, merge};
use mobility::compress::users::Users;
use mobility::compress::worker::Share;

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

fn partials() -> Vec<Partial> {
    let mut random = Random(3);
    let one = |_| {
        let us = random.below(3_600_000_000) as u32;
        Partial {
            user: random.below(USERS as u64) as u32,
            hour: random.below(24) as u32,
            cell: random.below(CELLS) as u32,
            first_us: us,
            last_us: us,
            count: 1,
        }
    };
    (0..EVENTS).map(one).collect()
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
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..EVENTS).map(cell)));
    let mut cells = Cells::default();
    let mut numbers = Vec::new();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench_local(|| cells.intern_column(black_box(&column), &mut numbers).is_ok());
}

/// Four events in a row at the same place, then another place: as a user's events mostly come.
#[divan::bench]
fn count_events(bencher: Bencher) {
    let ids = ids(1);
    let mut users = users(&ids);
    let mut random = Random(5);
    let mut event = || (random.below(USERS as u64) as u32, random.below(CELLS) as u32);
    let events: Vec<_> = (0..EVENTS / 4).map(|_| event()).collect();
    let mut done = Vec::with_capacity(EVENTS);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        done.clear();
        for (user, cell) in &events {
            (0..4).for_each(|us| users.count(*user, 8, *cell, us, &mut done));
        }
        black_box(done.len())
    });
}

#[divan::bench]
fn merge_partials(bencher: Bencher) {
    let partials = partials();
    bencher
        .counter(ItemsCount::new(partials.len()))
        .bench_local(|| merge(|| black_box(&partials).iter().copied(), USERS));
}

/// Two threads' shares with the same users in another order; takes two threads itself.
#[divan::bench]
fn combine_two_shares(bencher: Bencher) {
    let mut names = ids(1);
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..CELLS as i64));
    let share = |names: &[[u8; 32]], partials: &[Partial]| {
        let mut cells = Cells::default();
        assert!(cells.intern_column(&column, &mut Vec::new()).is_ok());
        let mut share = Share::default();
        (share.users, share.cells, share.partials) = (users(names), cells, partials.to_vec());
        share
    };
    let partials = partials();
    let (half, rest) = partials.split_at(partials.len() / 2);
    bencher
        .counter(ItemsCount::new(partials.len()))
        .with_inputs(|| {
            let first = share(&names, half);
            names.reverse();
            vec![first, share(&names, rest)]
        })
        .bench_local_values(combine);
}
