//! The plan of one device for one day: where it stays from when to when, and with that its trips.
//!
//! A day of life begins at 04:00, or at 14:00 for those who work at night, when each device is where
//! [`night`] says. So the plan of a day depends on no other plan.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::random::{chance, normal, quick_stream};
use super::calendar::{Night, Reason, is_working_day, night, weekday};
use super::device::{Device, Job, Kind, Shift};
use super::network::Network;

const MINUTE: i32 = 60;
const HOUR: i32 = 3_600;
/// Seconds of a day; the local time of synthetic data has no clock changes.
pub const DAY_S: i32 = 86_400;

/// Every stay takes at least this long, seconds.
const MIN_STAY_S: i32 = 20 * MINUTE;
/// Fastest and slowest trips, as multiples of the usual time.
const PACE: Range<f64> = 0.85..1.25;
/// Length of a route relative to the straight line.
const DETOUR: f64 = 1.25;

/// Share of workers who work on a working day.
const AT_WORK_SHARE: f64 = 0.9;
/// Share of free days spent at home.
const DAY_AT_HOME_SHARE: f64 = 0.18;
/// Share of evenings with an outing after work.
const OUTING_SHARE: f64 = 0.35;
/// Share of Fridays and Saturdays with an outing until after midnight.
const LATE_OUTING_SHARE: f64 = 0.18;

/// A stay at a site, in seconds since the midnight before the plan. The end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    pub from_s: i32,
    pub to_s: i32,
    pub site: u32,
}

/// A day of life. Between consecutive stays, which are at different sites, the device is on a trip. Before
/// the first and after the last it is abroad.
#[derive(Debug, Default)]
pub struct Plan {
    pub stays: Vec<Stay>,
    /// Begin and end, seconds since the midnight before.
    pub from_s: i32,
    pub to_s: i32,
    /// The night that begins on this day.
    pub night: Option<Night>,
}

impl Plan {
    /// Replaces the plan by that of a device for `day`, counted from 1970-01-01.
    pub fn fill(&mut self, seed: u64, number: u32, device: &Device, network: &Network, day: i32) {
        let at_night = device.works_at_night();
        self.from_s = if at_night { 14 * HOUR } else { 4 * HOUR };
        self.to_s = self.from_s + DAY_S;
        self.stays.clear();
        let before = night(seed, number, device, network, day - 1);
        let mut after = night(seed, number, device, network, day);
        let rng = &mut quick_stream(seed, 2, number.into(), day as u64);
        let mut planner = Planner {
            network,
            rng,
            end_s: self.to_s,
            target: after.site.unwrap_or(network.airport()),
            stays: &mut self.stays,
            weekday: weekday(day),
        };
        match (before.site, after.site) {
            (None, None) => {}
            (Some(from), None) => planner.leave_country(from, self.from_s),
            (None, Some(_)) => planner.enter_country(),
            (Some(from), Some(_)) => {
                planner.begin(from, self.from_s);
                let away = [before, after].iter().any(|n| n.reason == Reason::Holiday);
                let job = device
                    .job
                    .filter(|_| is_working_day(day) && !away && chance(planner.rng, AT_WORK_SHARE));
                match job {
                    _ if device.kind == Kind::Still => {}
                    Some(job) => {
                        planner.work(job);
                        if at_night && planner.is_away_at_night(job.site) {
                            after = Night { site: Some(job.site), reason: Reason::NightWork };
                        }
                    }
                    None => planner.free_day(at_night),
                }
            }
        }
        self.night = Some(after);
    }
}

struct Planner<'a> {
    network: &'a Network,
    rng: &'a mut ChaCha8Rng,
    stays: &'a mut Vec<Stay>,
    /// Where the device has to be at the end.
    target: u32,
    end_s: i32,
    weekday: i32,
}

impl Planner<'_> {
    fn begin(&mut self, site: u32, from_s: i32) {
        self.stays.push(Stay { from_s, to_s: self.end_s, site });
    }

    fn here(&self) -> Stay {
        let nowhere = Stay { from_s: 0, to_s: 0, site: self.target };
        self.stays.last().copied().unwrap_or(nowhere)
    }

    /// A random time between two hours of the day, in seconds.
    fn at(&mut self, hours: Range<f64>) -> i32 {
        (self.rng.random_range(hours) * f64::from(HOUR)) as i32
    }

    /// A time around an hour of the day, in seconds.
    fn around(&mut self, hour: f64, spread_minutes: f64) -> i32 {
        (hour * f64::from(HOUR) + spread_minutes * f64::from(MINUTE) * normal(self.rng)) as i32
    }

    /// A time so many minutes after the present stay began.
    fn after(&mut self, minutes: Range<i32>) -> i32 {
        self.here().from_s + self.rng.random_range(minutes) * MINUTE
    }

    fn near(&mut self, site: u32) -> u32 {
        self.network.near(site, self.rng)
    }

    /// Travels to a site, unless it is there or could not reach its target in time from it.
    fn go(&mut self, leave_s: i32, to: u32) -> bool {
        let here = self.here();
        if to == here.site {
            return false;
        }
        let leave_s = leave_s.max(here.from_s + MIN_STAY_S);
        let usual_s = usual_s(self.network.plane_m(here.site, to));
        let mut latest_s = leave_s + slowest_s(usual_s) + MIN_STAY_S;
        if to != self.target {
            let onward_s = usual_s_between(self.network, to, self.target);
            latest_s += slowest_s(onward_s) + MIN_STAY_S;
        }
        if latest_s > self.end_s {
            return false;
        }
        let arrive_s = leave_s + (usual_s * self.rng.random_range(PACE)) as i32;
        if let Some(stay) = self.stays.last_mut() {
            stay.to_s = leave_s;
        }
        self.begin(to, arrive_s);
        true
    }

    /// Travels to the target at this time, or as early as it has to.
    fn finish(&mut self, leave_s: i32) {
        let onward_s = usual_s_between(self.network, self.here().site, self.target);
        let latest_s = self.end_s - MIN_STAY_S - slowest_s(onward_s);
        let target = self.target;
        self.go(leave_s.min(latest_s), target);
    }

    fn leave_country(&mut self, from: u32, from_s: i32) {
        self.begin(from, from_s);
        let leave_s = self.at(7.0..15.0).max(from_s + MIN_STAY_S);
        self.finish(leave_s);
        let flight_s = self.after(60..120).max(leave_s);
        if let Some(stay) = self.stays.last_mut() {
            stay.to_s = flight_s.min(self.end_s);
        }
    }

    fn enter_country(&mut self) {
        // early enough for the longest way
        let from_s = self.at(14.5..16.5);
        self.begin(self.network.airport(), from_s);
        let leave_s = self.after(20..60);
        self.finish(leave_s);
        if chance(self.rng, 0.5) {
            self.outing();
        }
    }

    /// From midnight to 04:00 at this site.
    fn is_away_at_night(&self, site: u32) -> bool {
        self.stays
            .iter()
            .any(|stay| stay.site == site && stay.from_s <= DAY_S && stay.to_s >= DAY_S + 4 * HOUR)
    }

    fn work(&mut self, job: Job) {
        let (hour, spread, hours) = match job.shift {
            Shift::Early => (5.3, 15.0, 8.0),
            Shift::Day => (7.9, 40.0, 8.6),
            Shift::Late => (13.3, 20.0, 8.0),
            Shift::Night => (21.2, 15.0, 8.4),
        };
        let leave_s = self.around(hour, spread);
        if job.shift == Shift::Late && chance(self.rng, 0.35) {
            self.errand(9.0..10.5);
        }
        if job.shift == Shift::Night && chance(self.rng, 0.25) {
            self.errand(14.8..16.5);
        }
        if job.shift == Shift::Day && chance(self.rng, 0.08) {
            // a child to school
            let school = self.near(self.here().site);
            self.go(leave_s - 15 * MINUTE, school);
        }
        if !self.go(leave_s, job.site) {
            return self.finish(leave_s + 4 * HOUR);
        }
        let mut leave_s = self.here().from_s + self.around(hours, 30.0);
        let noon_s = self.around(12.2, 30.0);
        if job.shift == Shift::Day
            && noon_s > self.here().from_s + HOUR
            && chance(self.rng, OUTING_SHARE)
        {
            let lunch = self.near(job.site);
            if self.go(noon_s, lunch) {
                let back_s = self.after(25..50);
                self.go(back_s, job.site);
            }
        }
        if chance(self.rng, 0.35) {
            let around = if chance(self.rng, 0.5) { job.site } else { self.target };
            let shop = self.near(around);
            if self.go(leave_s, shop) {
                leave_s = self.after(20..60);
            }
        }
        self.finish(leave_s);
        if matches!(job.shift, Shift::Early | Shift::Day) {
            self.evening();
        }
    }

    /// A day without work: at home, a day trip, or errands.
    fn free_day(&mut self, at_night: bool) {
        let home = self.here().site;
        let stays = home == self.target && chance(self.rng, DAY_AT_HOME_SHARE);
        if stays {
            return;
        }
        let day_trip = if self.weekday < 5 { 0.06 } else { 0.18 };
        if !at_night && chance(self.rng, day_trip) {
            return self.day_trip(home);
        }
        let mut leave_s = if at_night { self.at(14.5..17.0) } else { self.at(8.5..12.5) };
        for _ in 0..self.rng.random_range(1..=3) {
            let place = self.near(self.here().site);
            self.go(leave_s, place);
            leave_s = self.after(20..110);
            if !chance(self.rng, 0.4) {
                self.go(leave_s, home);
                leave_s = self.after(30..180);
            }
            if leave_s > 19 * HOUR {
                break;
            }
        }
        let onward_s = self.at(17.0..20.5).min(leave_s.max(15 * HOUR));
        self.finish(onward_s);
        self.evening();
        if at_night && chance(self.rng, 0.5) {
            self.errand(33.0..34.5);
        }
    }

    /// To one of the nearer of a few random sites of the country, and back in the afternoon.
    fn day_trip(&mut self, home: u32) {
        let early = chance(self.rng, 0.04);
        let leave_s = if early { self.at(4.4..5.0) } else { self.at(7.5..10.5) };
        let sites = self.network.in_main_country();
        if let Some(far) = self.network.nearest_of(3, home, sites, self.rng) {
            self.go(leave_s, far);
        }
        if chance(self.rng, 0.4) {
            let leave_s = self.after(60..180);
            let sight = self.near(self.here().site);
            self.go(leave_s, sight);
        }
        let back_s = self.after(90..300);
        self.finish(back_s);
    }

    /// To a place nearby and back.
    fn errand(&mut self, hours: Range<f64>) {
        let leave_s = self.at(hours);
        let home = self.here().site;
        let place = self.near(home);
        if self.go(leave_s, place) {
            let back_s = self.after(20..60);
            if home == self.target {
                self.finish(back_s);
            } else {
                self.go(back_s, home);
            }
        }
    }

    fn evening(&mut self) {
        let late = matches!(self.weekday, 4 | 5) && chance(self.rng, LATE_OUTING_SHARE);
        if late {
            let leave_s = self.at(20.0..21.5);
            let back_s = self.at(23.3..25.6);
            let home = self.here().site;
            let place = self
                .network
                .nearest_of(3, home, self.network.in_lau_of(home), self.rng)
                .unwrap_or(home);
            if self.go(leave_s, place) {
                self.finish(back_s);
            }
        } else if chance(self.rng, OUTING_SHARE) {
            self.outing();
        }
    }

    /// An hour or two near the place of the night, unless it is too late in the evening.
    fn outing(&mut self) {
        let leave_s = self.at(18.5..20.0).max(self.after(45..90));
        let place = self.near(self.here().site);
        if leave_s < 21 * HOUR && self.go(leave_s, place) {
            let back_s = self.after(60..150);
            self.finish(back_s);
        }
    }
}

/// The usual time of a trip over a straight distance, seconds: walking and waiting, then faster the farther.
fn usual_s(metres: f64) -> f64 {
    let km = metres / 1_000.0;
    let km_per_hour = 20.0 + 70.0 * km / (km + 25.0);
    180.0 + DETOUR * km / km_per_hour * f64::from(HOUR)
}

fn usual_s_between(network: &Network, a: u32, b: u32) -> f64 {
    usual_s(network.plane_m(a, b))
}

fn slowest_s(usual_s: f64) -> i32 {
    (usual_s * PACE.end) as i32 + 1
}

#[cfg(test)]
mod tests {
    use super::super::super::laus::LauMap;
    use super::super::super::settings::Settings;
    use super::*;

    /// 2024-10-01, a Tuesday, as days since 1970.
    const TUESDAY: i32 = 19_997;

    fn plans(days: Range<i32>, mut check: impl FnMut(&Network, &Device, i32, &Plan, [Night; 2])) {
        let settings = Settings { cells: 500, ..Settings::default() };
        let network = Network::new(&settings, &LauMap::new(&settings).unwrap()).unwrap();
        let mut plan = Plan::default();
        for number in 0..1_500 {
            let device = Device::new(9, number, &network);
            for day in days.clone() {
                let nights = [day - 1, day].map(|day| night(9, number, &device, &network, day));
                plan.fill(9, number, &device, &network, day);
                check(&network, &device, day, &plan, nights);
            }
        }
    }

    #[test]
    fn plans_join_at_the_places_of_the_nights() {
        plans(TUESDAY..TUESDAY + 14, |network, _, day, plan, [before, after]| {
            let stays = &plan.stays;
            assert_eq!(stays.is_empty(), before.site.is_none() && after.site.is_none());
            let (Some(first), Some(last)) = (stays.first(), stays.last()) else { return };
            assert_eq!(first.site, before.site.unwrap_or(network.airport()), "{day}: {plan:?}");
            assert_eq!(last.site, after.site.unwrap_or(network.airport()), "{day}: {plan:?}");
            assert!(before.site.is_none() || first.from_s == plan.from_s);
            assert!(after.site.is_none() || last.to_s == plan.to_s);
            for pair in stays.windows(2) {
                assert!(pair[0].to_s < pair[1].from_s && pair[0].site != pair[1].site);
                assert!(pair[0].from_s + MIN_STAY_S <= pair[0].to_s, "{day}: {plan:?}");
            }
            assert!(last.from_s < last.to_s && last.to_s <= plan.to_s, "{day}: {plan:?}");
        });
    }

    #[test]
    fn workers_are_at_work_on_working_days_and_at_night_those_who_work_then() {
        let mut found = [[0, 0]; 3];
        plans(TUESDAY..TUESDAY + 5, |_, device, day, plan, nights| {
            let Some(job) = device.job.filter(|_| nights.iter().all(|n| n.site == device.home))
            else {
                return;
            };
            let hour = if job.shift == Shift::Night { 26 } else { 14 };
            let there = |stay: &&Stay| (stay.from_s..stay.to_s).contains(&(hour * HOUR));
            let is_there = plan.stays.iter().find(there).is_some_and(|s| s.site == job.site);
            let group = match (day - TUESDAY, job.shift) {
                (4, _) => 2,
                (_, Shift::Night) => 1,
                // early shifts end at about this hour, late ones begin
                (_, Shift::Early | Shift::Late) => return,
                (_, Shift::Day) => 0,
            };
            found[group][usize::from(is_there)] += 1;
            let works = plan.night.is_some_and(|n| n.reason == Reason::NightWork);
            assert_eq!(works, is_there && job.shift == Shift::Night);
        });
        let share = |[away, there]: [u32; 2]| f64::from(there) / f64::from(away + there);
        let [days, nights, saturday] = found.map(share);
        assert!((0.75..0.95).contains(&days) && (0.8..0.97).contains(&nights), "{found:?}");
        assert!(saturday < 0.05, "{found:?}");
    }
}
