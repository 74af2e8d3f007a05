//! How the time of the devices of a date is divided, and how many of its trips lead back.

use chrono::Days;

use super::figures::share;
use super::usual::changed;
use crate::datasets::movement::MovementTotals;
use crate::datasets::quality_tables::DayFigures;

/// A share that changed by less than this is no news.
const MIN_CHANGE: f64 = 0.02;

/// Adds the shares of a date.
pub fn add_shares(day: &mut DayFigures, totals: &MovementTotals) {
    let all = totals.stay_us + totals.pass_us + totals.move_us + totals.unknown_us;
    let of_time = |part: u64| (all > 0).then(|| share(part, all));
    day.stay_share = of_time(totals.stay_us);
    day.move_share = of_time(totals.move_us);
    day.pass_share = of_time(totals.pass_us);
    day.unknown_share = of_time(totals.unknown_us);
    let returning = totals.returning_trips + totals.returning_trips_next_date;
    day.returning_trips_share = (totals.trips > 0).then(|| share(returning, totals.trips));
}

/// A share that is far from what it was on the previous dates.
pub struct ChangedShare {
    /// The name of the figure.
    pub what: &'static str,
    /// What has this share.
    pub of: &'static str,
    pub value: f64,
    /// The mean of the dates that it was compared with, and their number.
    pub usual: f64,
    pub dates: usize,
}

/// The shares that changed on one of `days`, which are in order of date; it is compared with at most `previous` of
/// the dates before it.
///
/// Where a date beside it is not loaded, more of the time of a date is unknown. Such dates, among them mostly the
/// newest one, are left out of all comparisons.
pub fn changed_shares(days: &[DayFigures], number: usize, previous: usize) -> Vec<ChangedShare> {
    if !has_both_neighbours(days, number) {
        return Vec::new();
    }
    let before = (number.saturating_sub(previous)..number)
        .filter(|number| has_both_neighbours(days, *number))
        .map(|number| &days[number]);
    let compare = |what, of, figure: fn(&DayFigures) -> Option<f64>| -> Option<ChangedShare> {
        let value = figure(&days[number])?;
        let known: Vec<f64> = before.clone().filter_map(figure).collect();
        let percents = |rest: bool| {
            let percent = move |share: f64| 100.0 * if rest { 1.0 - share } else { share };
            changed(percent(value), known.iter().map(|share| percent(*share)))
        };
        // a great share cannot become one and a half times as great, but what it leaves can change as much
        let usual = percents(false).or_else(|| Some(100.0 - percents(true)?))?;
        let usual = usual / 100.0;
        let is_news = (value - usual).abs() >= MIN_CHANGE;
        is_news.then_some(ChangedShare { what, of, value, usual, dates: known.len() })
    };
    let unknown =
        compare("unknown_share", "of the time of the devices is unknown", |day| day.unknown_share);
    let returning = compare(
        "returning_trips_share",
        "of the trips lead back soon after the trip before",
        |day| day.returning_trips_share,
    );
    unknown.into_iter().chain(returning).collect()
}

/// True if the dates before and after a date are there.
fn has_both_neighbours(days: &[DayFigures], number: usize) -> bool {
    let date = days[number].date;
    let is = |beside: Option<&DayFigures>, date| beside.map(|day| day.date) == date;
    is(number.checked_sub(1).map(|before| &days[before]), date.checked_sub_days(Days::new(1)))
        && is(days.get(number + 1), date.checked_add_days(Days::new(1)))
}
