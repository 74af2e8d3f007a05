//! The visits of a device on a date and the dates beside it, one after the other, with what lies between them.

use std::ops::Range;

use super::dates::Dates;
use super::flicker::without_flicker;
use super::places::Places;
use super::settings::Stays;
use super::visit::Visit;
use crate::domain::site::Site;
use crate::domain::time::MICROS_PER_HOUR;

/// A visit, which may continue over midnight. Times are those of [`Dates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    pub site: Site,
    /// From the first to the last event, with pads.
    pub start_us: i64,
    pub end_us: i64,
    /// The dates, from 0, of the first and of the last event.
    pub first_day: usize,
    pub last_day: usize,
    /// Events by date.
    pub events: [u32; 3],
    /// It is unknown what comes next, and the device did not just move to the next stop.
    pub then_unknown: bool,
    pub is_stay: bool,
}

/// The stops of a device on three dates.
#[derive(Debug, Default)]
pub struct Timeline {
    stops: Vec<Stop>,
    visits: Vec<Visit>,
}

impl Timeline {
    /// Finds the stops of a device from its stored visits on each of the dates. Only the stops on the middle date
    /// are exact: what came before and after the three dates is not known.
    pub fn find(
        &mut self,
        dates: &Dates,
        stored: [&[Visit]; 3],
        places: [&Places; 3],
        stays: &Stays,
    ) -> &[Stop] {
        self.stops.clear();
        for day in 0..3 {
            self.visits.clear();
            join(stored[day], day, dates, stays, &mut self.visits);
            without_flicker(&mut self.visits, stays, places[day]);
            self.append(day, dates, stays);
        }
        pad(&mut self.stops, stays);
        for stop in &mut self.stops {
            stop.is_stay = stop.end_us - stop.start_us >= stays.min_stay_us();
        }
        &self.stops
    }

    /// Adds the visits of a date to the stops; the first one continues the last one if they are parts of one visit.
    fn append(&mut self, day: usize, dates: &Dates, stays: &Stays) {
        let midnight = dates.start_us(day);
        for visit in &self.visits {
            let (first_us, last_us) = (midnight + visit.first_us, midnight + visit.last_us);
            if let Some(before) = self.stops.last_mut()
                && before.site == visit.site
                && is_one_visit(before.end_us..first_us, dates, stays)
            {
                before.end_us = last_us;
                before.last_day = day;
                before.events[day] = visit.events;
                continue;
            }
            let mut events = [0; 3];
            events[day] = visit.events;
            self.stops.push(Stop {
                site: visit.site,
                start_us: first_us,
                end_us: last_us,
                first_day: day,
                last_day: day,
                events,
                then_unknown: false,
                is_stay: false,
            });
        }
    }
}

/// Joins stored visits of a date, which end with short gaps.
fn join(stored: &[Visit], day: usize, dates: &Dates, stays: &Stays, joined: &mut Vec<Visit>) {
    let midnight = dates.start_us(day);
    for visit in stored {
        if let Some(before) = joined.last_mut()
            && before.site == visit.site
            && is_one_visit(midnight + before.last_us..midnight + visit.first_us, dates, stays)
            && let Some(events) = before.events.checked_add(visit.events)
        {
            let gap = visit.first_us - before.last_us;
            before.longest_gap_us = before.longest_gap_us.max(gap);
            before.last_us = visit.last_us;
            before.events = events;
            continue;
        }
        joined.push(*visit);
    }
}

/// True if events before and after a gap at one site belong to one visit.
fn is_one_visit(gap: Range<i64>, dates: &Dates, stays: &Stays) -> bool {
    let length = gap.end - gap.start;
    length <= stays.max_gap_us()
        || (length <= stays.max_night_gap_us() && is_in_one_night(gap, dates, stays))
}

/// True if a gap lies within a night by the clock, both ends included.
fn is_in_one_night(gap: Range<i64>, dates: &Dates, stays: &Stays) -> bool {
    let day_us = 24 * MICROS_PER_HOUR;
    let hours = |hours: u32| i64::from(hours) * MICROS_PER_HOUR;
    let (start, end) = (dates.wall_us(gap.start), dates.wall_us(gap.end));
    let midnight = start - start.rem_euclid(day_us);
    let over_midnight = if stays.night_gap_end <= stays.night_gap_start { day_us } else { 0 };
    // the night that begins on the date of the gap, or the one that began the day before
    [midnight, midnight - day_us].into_iter().any(|midnight| {
        midnight + hours(stays.night_gap_start) <= start
            && end <= midnight + over_midnight + hours(stays.night_gap_end)
    })
}

/// Extends stops into unknown time.
fn pad(stops: &mut [Stop], stays: &Stays) {
    let pad_us = stays.pad_us();
    let mut start_pad = pad_us;
    for number in 0..stops.len() {
        let next = stops.get(number + 1).copied();
        let stop = &mut stops[number];
        let end_us = stop.end_us;
        stop.start_us -= start_pad;
        let gap = next.map(|next| next.start_us - end_us);
        stop.then_unknown = gap.is_none_or(|gap| gap > stays.max_gap_us());
        start_pad = match gap {
            _ if !stop.then_unknown => 0,
            Some(gap) => pad_us.min(gap / 2),
            None => pad_us,
        };
        stop.end_us += start_pad;
    }
}
