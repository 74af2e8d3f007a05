//! Rows of the table `trips`.

use super::dates::Dates;
use super::places::metres;
use super::settings::Trips;
use super::timeline::Stop;
use crate::domain::site::Site;

/// A row without its device. Times are those of [`Dates`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trip {
    pub departed_us: i64,
    pub arrived_us: i64,
    /// The date of the arrival, from 0.
    pub arrival_day: usize,
    pub from: Site,
    pub to: Site,
    /// Great-circle distance of the sites, not rounded.
    pub metres: f64,
}

/// Appends the trips that leave on the middle date, in order.
pub fn trips(stops: &[Stop], settings: &Trips, rows: &mut Vec<Trip>) {
    let leaves = |stop: &Stop| stop.is_stay && stop.last_day == Dates::OWN && !stop.then_unknown;
    for (number, from) in stops.iter().enumerate().filter(|(_, stop)| leaves(stop)) {
        let Some(to) = next_stay(&stops[number + 1..]) else { continue };
        let metres = metres(from.site, to.site);
        if metres >= settings.min_distance_m && to.start_us - from.end_us <= settings.max_us() {
            rows.push(Trip {
                departed_us: from.end_us,
                arrived_us: to.start_us,
                arrival_day: to.first_day,
                from: from.site,
                to: to.site,
                metres,
            });
        }
    }
}

/// True if `next`, the next trip of the device, leads back to where `trip` came from, soon after it.
pub fn is_return(trip: &Trip, next: &Trip, settings: &Trips) -> bool {
    (trip.from, trip.to) == (next.to, next.from)
        && next.departed_us - trip.arrived_us <= settings.return_us()
}

/// The first stay, if it is known how the device got there.
fn next_stay(stops: &[Stop]) -> Option<&Stop> {
    for stop in stops {
        if stop.is_stay {
            return Some(stop);
        }
        if stop.then_unknown {
            return None;
        }
    }
    None
}
