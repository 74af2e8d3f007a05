//! `present_places`: the LAUs in which each device is at the full hours of a date.

use arrow::array::ArrayRef;

use super::Computation;
use super::clock::HourOfDate;
use super::columns::{Users, integers, same_day, texts};
use super::planned_places::{Place, PlannedPlaces};
use super::user_rows::Seen;
use crate::domain::time::{MICROS_PER_HOUR, MICROS_PER_SECOND};

struct Row {
    user: usize,
    lau: u32,
    /// The flags of the full hours.
    hours: i64,
}

/// The first and the last event of a device in a clock hour; of equally early or late ones, those at the lowest
/// cells.
#[derive(Clone, Copy)]
struct Ends {
    first: (i64, Place),
    last: (i64, Place),
}

pub struct PresentPlaces {
    day: i32,
    /// The last clock hour of the date before, and then those of the date.
    hours: Vec<HourOfDate>,
    /// The longest time between a full hour and the event that tells where a device is.
    window_us: i64,
    /// Without an event that counts, the date has no hours.
    has_events: bool,
    users: Users,
    rows: Vec<Row>,
    /// The events of a user by clock hour.
    ends: Vec<Option<Ends>>,
    /// The LAUs of a user.
    laus: Vec<(u32, i64)>,
}

impl PresentPlaces {
    /// `before` and `hours` are the clock hours of the date before and of the date.
    pub fn on(day: i32, before: &[HourOfDate], hours: &[HourOfDate], window_s: u32) -> Self {
        // a date that a zone skips has no hours
        let none = HourOfDate { label_us: i64::MIN, start_us: 0, flag: 0 };
        let before = before.last().copied().unwrap_or(none);
        PresentPlaces {
            day,
            hours: std::iter::once(before).chain(hours.iter().copied()).collect(),
            window_us: i64::from(window_s) * MICROS_PER_SECOND,
            has_events: false,
            users: Users::default(),
            rows: Vec::new(),
            ends: Vec::new(),
            laus: Vec::new(),
        }
    }

    /// Where a device is at the full hour at which the hour of a number begins.
    fn place(&self, number: usize) -> Option<Place> {
        let start_us = self.hours[number].start_us;
        let after = self.ends[number].map(|ends| (ends.first.0 - start_us, ends.first.1));
        let after = after.filter(|(time_us, _)| *time_us < self.window_us);
        // within the clock hour of the event, so that it is the time that passed also where the clocks change
        let end_us = self.hours[number - 1].start_us + MICROS_PER_HOUR;
        let before = self.ends[number - 1].map(|ends| (end_us - ends.last.0, ends.last.1));
        let before = before.filter(|(time_us, _)| *time_us <= self.window_us);
        match (before, after) {
            (Some((before_us, place)), Some((after_us, _))) if before_us <= after_us => Some(place),
            (_, Some((_, place))) | (Some((_, place)), None) => Some(place),
            (None, None) => None,
        }
    }
}

impl Computation for PresentPlaces {
    const WITH_TIMES: bool = true;

    fn add(&mut self, user: &str, rows: &[Seen]) {
        self.ends.clear();
        self.ends.resize(self.hours.len(), None);
        for row in rows {
            self.has_events |= row.day == self.day;
            let Ok(number) = self.hours.binary_search_by_key(&row.label_us, |hour| hour.label_us)
            else {
                continue;
            };
            let (first, last) = ((row.first_us, row.place), (row.last_us, row.place));
            match &mut self.ends[number] {
                Some(ends) => {
                    let key = |(time_us, place): (i64, Place)| (time_us, place.cell);
                    if key(first) < key(ends.first) {
                        ends.first = first;
                    }
                    // the latest one, but the lowest cell
                    let key = |(time_us, place): (i64, Place)| (-time_us, place.cell);
                    if key(last) < key(ends.last) {
                        ends.last = last;
                    }
                }
                none => *none = Some(Ends { first, last }),
            }
        }
        self.laus.clear();
        for number in 1..self.hours.len() {
            let Some(lau) = self.place(number).and_then(|place| place.lau) else { continue };
            let flag = self.hours[number].flag;
            match self.laus.iter_mut().find(|(known, _)| *known == lau) {
                Some((_, hours)) => *hours |= flag,
                None => self.laus.push((lau, flag)),
            }
        }
        if !self.laus.is_empty() {
            self.laus.sort_unstable();
            let user = self.users.add(user);
            self.rows.extend(self.laus.iter().map(|(lau, hours)| Row {
                user,
                lau: *lau,
                hours: *hours,
            }));
        }
    }

    fn combined(parts: Vec<Self>) -> Vec<Self> {
        match parts.iter().any(|part| part.has_events) {
            true => parts,
            false => Vec::new(),
        }
    }

    fn columns(self, plan: &PlannedPlaces) -> Vec<ArrayRef> {
        let rows = &self.rows;
        vec![
            same_day(self.day, rows.len()),
            self.users.column(rows.iter().map(|row| row.user)),
            texts(rows.iter().map(|row| plan.lau(row.lau))),
            integers(rows.iter().map(|row| row.hours)),
        ]
    }
}
