//! Rows of the table `segments`: where a device was on a date, from midnight to midnight.

use super::dates::Dates;
use super::timeline::Stop;
use crate::domain::site::Site;

/// What a device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Stay,
    /// A visit that is too short for a stay.
    Pass,
    Move,
    Unknown,
}

impl State {
    /// The value in the column `state`.
    pub fn name(self) -> &'static str {
        match self {
            State::Stay => "stay",
            State::Pass => "pass",
            State::Move => "move",
            State::Unknown => "unknown",
        }
    }
}

/// A row without its device. Times are those of [`Dates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub start_us: i64,
    pub end_us: i64,
    pub state: State,
    /// Of a stay or pass.
    pub site: Option<Site>,
    pub events: u32,
    /// The row before ends at this midnight in the same state at the same site.
    pub continues: bool,
}

/// Appends the rows of the middle date; without events on it, there are none.
pub fn segments(stops: &[Stop], dates: &Dates, rows: &mut Vec<Segment>) {
    let has_events = |day: usize| stops.iter().any(|stop| stop.events[day] > 0);
    if !has_events(Dates::OWN) {
        return;
    }
    let first = rows.len();
    rows_of_day(stops, dates, Dates::OWN, |row| rows.push(row));
    if has_events(Dates::OWN - 1) {
        let mut before = None;
        rows_of_day(stops, dates, Dates::OWN - 1, |row| before = Some(row));
        if let (Some(before), Some(row)) = (before, rows.get_mut(first)) {
            row.continues = (before.state, before.site) == (row.state, row.site);
        }
    }
}

/// Calls `add` with the rows of a date, in order.
fn rows_of_day(stops: &[Stop], dates: &Dates, day: usize, mut add: impl FnMut(Segment)) {
    let (midnight, next_midnight) = (dates.start_us(day), dates.end_us(day));
    let mut add = |start_us: i64, end_us: i64, state, stop: Option<&Stop>| {
        let (start_us, end_us) = (start_us.max(midnight), end_us.min(next_midnight));
        let site = stop.map(|stop| stop.site);
        let events = stop.map_or(0, |stop| stop.events[day]);
        // a single event between two moves
        let is_moment = stop.is_some_and(|s| s.start_us == s.end_us && s.first_day == day);
        if start_us < end_us || is_moment {
            add(Segment { start_us, end_us, state, site, events, continues: false });
        }
    };
    let mut end_us = i64::MIN;
    let mut between = State::Unknown;
    for stop in stops {
        add(end_us, stop.start_us, between, None);
        let state = if stop.is_stay { State::Stay } else { State::Pass };
        add(stop.start_us, stop.end_us, state, Some(stop));
        end_us = stop.end_us;
        between = if stop.then_unknown { State::Unknown } else { State::Move };
    }
    add(end_us, i64::MAX, between, None);
}
