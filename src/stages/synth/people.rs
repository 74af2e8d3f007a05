//! Users: where they live and work, and at which cell they are at each second of a day.

use chrono::{Datelike, NaiveDate, Weekday};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::cells::Cells;
use super::random::{chance, normal, pick, stream};
use super::settings::Settings;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;

/// Share of users that never leave the home cell, such as meters and alarms.
const STATIONARY_SHARE: f64 = 0.05;
/// Share of the other users that go to work from Monday to Friday.
const WORKER_SHARE: f64 = 0.6;
/// Time by which all users are home, seconds since midnight.
const HOME_BY: f64 = 23.0 * HOUR;

/// Daily routine of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Stationary,
    /// Commutes to the given cell on working days.
    Worker(u32),
    Free,
}

/// One user; home and habit are the same on every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Index of the home cell.
    pub home: u32,
    pub habit: Habit,
}

impl Person {
    /// Index of the work cell.
    pub fn work(&self) -> Option<u32> {
        match self.habit {
            Habit::Worker(cell) => Some(cell),
            _ => None,
        }
    }
}

/// The pseudonymous id of a user: 32 bytes.
pub fn user_id(seed: u64, user: u32) -> [u8; 32] {
    Sha256::digest(format!("{seed}:{user}")).into()
}

/// All users with their homes and work places.
pub fn people(settings: &Settings, cells: &Cells) -> Vec<Person> {
    let mut rng = stream(settings.seed, "people", &[]);
    let homes = cells.in_main_country();
    (0..settings.user_count())
        .map(|_| {
            let home = pick(&mut rng, homes).unwrap_or(0);
            let habit = if chance(&mut rng, STATIONARY_SHARE) {
                Habit::Stationary
            } else if chance(&mut rng, WORKER_SHARE) {
                Habit::Worker(work_place(home, cells, &mut rng))
            } else {
                Habit::Free
            };
            Person { home, habit }
        })
        .collect()
}

/// The nearest of a few random cells: most commutes are short, some are long.
fn work_place(home: u32, cells: &Cells, rng: &mut ChaCha8Rng) -> u32 {
    (0..8)
        .filter_map(|_| pick(rng, cells.in_main_country()))
        .map(|cell| (cell, cells.distance2_m2(home, cell)))
        .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
        .map_or(home, |nearest| nearest.0)
}

/// The user is at `cell` from `at_s` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Seconds since midnight.
    pub at_s: u32,
    /// Index of the cell.
    pub cell: u32,
}

/// The cells of all users during one day.
#[derive(Debug)]
pub struct DayPaths {
    starts: Vec<u32>,
    moves: Vec<Move>,
}

impl DayPaths {
    pub fn new(seed: u64, people: &[Person], cells: &Cells, day: NaiveDate) -> DayPaths {
        let number = day.num_days_from_ce() as u64;
        let mut rng = stream(seed, "paths", &[number]);
        let working_day = !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let mut paths = DayPaths { starts: vec![0], moves: Vec::new() };
        for person in people {
            let mut day = DayPlan { moves: &mut paths.moves, now_s: 0.0, home: person.home };
            day.stay(0.0, person.home);
            match person.habit {
                Habit::Stationary => {}
                Habit::Worker(work) if working_day => day.work(work, cells, &mut rng),
                _ => day.errands(working_day, cells, &mut rng),
            }
            paths.starts.push(paths.moves.len() as u32);
        }
        paths
    }

    /// The moves of a user in order of time; the first one is at second 0.
    pub fn of(&self, user: u32) -> &[Move] {
        &self.moves[self.starts[user as usize] as usize..self.starts[user as usize + 1] as usize]
    }

    /// The cell where a user is at a second of the day.
    pub fn cell_at(&self, user: u32, at_s: u32) -> u32 {
        let moves = self.of(user);
        let latest = moves.iter().rev().find(|m| m.at_s <= at_s);
        latest.map_or(0, |m| m.cell)
    }
}

/// The day of one user while it is planned.
struct DayPlan<'a> {
    moves: &'a mut Vec<Move>,
    now_s: f64,
    home: u32,
}

impl DayPlan<'_> {
    fn stay(&mut self, from_s: f64, cell: u32) {
        self.now_s = from_s;
        self.moves.push(Move { at_s: from_s as u32, cell });
    }

    /// Travels to the cell `to` and is at the cell `by` on the way.
    fn travel(&mut self, leave_s: f64, by: u32, to: u32, rng: &mut ChaCha8Rng) {
        let leave = leave_s.max(self.now_s + 2.0 * MINUTE);
        self.stay(leave, by);
        self.stay(leave + rng.random_range(6.0..35.0) * MINUTE, to);
    }

    fn work(&mut self, work: u32, cells: &Cells, rng: &mut ChaCha8Rng) {
        let morning = (8.0 * HOUR + 40.0 * MINUTE * normal(rng)).max(5.0 * HOUR);
        self.travel(morning, cells.near(self.home, rng), work, rng);
        if chance(rng, 0.45) {
            let noon = 12.2 * HOUR + 30.0 * MINUTE * normal(rng);
            self.visit(noon, 0.6 * HOUR, cells.near(work, rng), work);
        }
        let evening = (17.3 * HOUR + 45.0 * MINUTE * normal(rng)).max(self.now_s + HOUR);
        if chance(rng, 0.5) {
            let shop = cells.near(self.home, rng);
            self.travel(evening, cells.near(work, rng), shop, rng);
            let done = self.now_s + rng.random_range(10.0..60.0) * MINUTE;
            self.stay(done, self.home);
        } else {
            self.travel(evening, cells.near(work, rng), self.home, rng);
        }
        if chance(rng, 0.4) {
            let start = self.now_s + rng.random_range(0.3..1.5) * HOUR;
            self.outing(start, rng.random_range(0.5..2.0) * HOUR, cells, rng);
        }
    }

    fn errands(&mut self, working_day: bool, cells: &Cells, rng: &mut ChaCha8Rng) {
        // a day trip to any cell, mostly on weekends
        if chance(rng, if working_day { 0.04 } else { 0.15 }) {
            let leave = rng.random_range(8.0..11.0) * HOUR;
            let far = pick(rng, cells.in_main_country()).unwrap_or(self.home);
            self.travel(leave, cells.near(self.home, rng), far, rng);
            let back = rng.random_range(15.0..20.0) * HOUR;
            self.travel(back, cells.near(far, rng), self.home, rng);
            return;
        }
        let mut start = rng.random_range(7.5..12.0) * HOUR;
        for _ in 0..rng.random_range(1..=4) {
            self.outing(start, rng.random_range(0.3..2.0) * HOUR, cells, rng);
            start = self.now_s + rng.random_range(0.5..3.0) * HOUR;
        }
    }

    /// Visits one or two neighbouring cells and returns home, unless it would be later than
    /// [`HOME_BY`].
    fn outing(&mut self, start_s: f64, length_s: f64, cells: &Cells, rng: &mut ChaCha8Rng) {
        let first = cells.near(self.home, rng);
        let second = chance(rng, 0.5).then(|| cells.near(first, rng));
        if start_s + length_s > HOME_BY {
            return;
        }
        self.stay(start_s, first);
        if let Some(second) = second {
            self.stay(start_s + 0.6 * length_s, second);
        }
        self.stay(start_s + length_s, self.home);
    }

    fn visit(&mut self, start_s: f64, length_s: f64, cell: u32, back_to: u32) {
        if start_s > self.now_s + MINUTE {
            self.stay(start_s, cell);
            self.stay(start_s + length_s, back_to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::synth::laus::LauMap;

    fn town(users: u64) -> (Settings, Cells, Vec<Person>) {
        let settings = Settings { users, cells: 200, ..Settings::default() };
        let map = LauMap::new(&settings).unwrap();
        let cells = Cells::new(&settings, &map).unwrap();
        let people = people(&settings, &cells);
        (settings, cells, people)
    }

    #[test]
    fn all_users_are_at_home_at_night_and_workers_at_work_on_weekdays() {
        let (settings, cells, people) = town(2_000);
        let tuesday = DayPaths::new(settings.seed, &people, &cells, settings.start);
        let saturday = settings.start.checked_add_days(chrono::Days::new(4)).unwrap();
        let saturday = DayPaths::new(settings.seed, &people, &cells, saturday);
        let mut workers = 0;
        let mut at_work = [0, 0];
        for (user, person) in people.iter().enumerate() {
            let user = user as u32;
            for paths in [&tuesday, &saturday] {
                for hour in [0, 2, 4, 23] {
                    assert_eq!(paths.cell_at(user, hour * 3_600 + 1_800), person.home);
                }
                let times: Vec<u32> = paths.of(user).iter().map(|m| m.at_s).collect();
                assert!(times.is_sorted() && times[0] == 0, "{times:?}");
            }
            if let Some(work) = person.work().filter(|w| *w != person.home) {
                workers += 1;
                at_work[0] += usize::from(tuesday.cell_at(user, 11 * 3_600) == work);
                at_work[1] += usize::from(saturday.cell_at(user, 11 * 3_600) == work);
            }
            if person.habit == Habit::Stationary {
                assert_eq!(tuesday.of(user).len(), 1);
            }
        }
        assert!(workers > 1_000, "{workers}");
        assert!(at_work[0] * 10 > workers * 9, "{at_work:?} of {workers}");
        assert!(at_work[1] * 10 < workers, "{at_work:?} of {workers}");
    }

    #[test]
    fn stationary_users_are_about_five_percent() {
        let (_, _, people) = town(2_000);
        let still = people.iter().filter(|p| p.habit == Habit::Stationary).count();
        assert!((50..150).contains(&still), "{still}");
    }
}
