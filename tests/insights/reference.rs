//! The answers of the views about people, by brute force over the raw events and from the definitions
//! alone. Only local time without clock changes is covered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use super::world::{Cell, SOUTH, UNIT_DEGREES, World};

/// Settings that the random worlds change; the others are the defaults.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Days of a window; a calendar month without.
    pub window: Option<i64>,
    pub min_devices: i64,
}

const MIN_NIGHTS: i64 = 10;
const MIN_WORKDAYS: i64 = 8;
const MAX_WEIGHT: i64 = 100;
const EARTH_M: f64 = 6_371_008.8;

/// An event that counts.
struct Placed {
    user: String,
    time: NaiveDateTime,
    cell: String,
    site: String,
    lau: Option<String>,
}

struct NightPlace {
    site: String,
    lau: Option<String>,
    hours: usize,
    observed_hours: usize,
}

#[derive(Clone)]
struct Anchor {
    kind: &'static str,
    site: String,
    lau: Option<String>,
    observed: i64,
    here: i64,
}

type UserWindow = (String, NaiveDate);
/// Devices by LAU of their home.
type Strata = BTreeMap<String, i64>;

struct Reference<'a> {
    world: &'a World,
    rules: Rules,
    placed: Vec<Placed>,
    /// Dates with events that count.
    dates: BTreeSet<NaiveDate>,
    breaks: BTreeSet<NaiveDate>,
    nights: BTreeMap<(String, NaiveDate), NightPlace>,
    night_anchors: BTreeMap<UserWindow, Anchor>,
    works: BTreeMap<UserWindow, Anchor>,
}

/// The CSV of each view.
pub fn answers(world: &World, rules: Rules) -> Vec<(&'static str, String)> {
    let placed = placed(world);
    let dates = placed.iter().map(|e| e.time.date()).collect();
    let breaks = breaks(world);
    let nights = BTreeMap::new();
    let (night_anchors, works) = (BTreeMap::new(), BTreeMap::new());
    let mut reference =
        Reference { world, rules, placed, dates, breaks, nights, night_anchors, works };
    reference.nights = reference.night_places();
    reference.night_anchors = reference.night_anchors();
    reference.works = reference.works();
    reference.tables()
}

fn clock_hour(time: NaiveDateTime) -> NaiveDateTime {
    time.date().and_hms_opt(time.hour(), 0, 0).unwrap()
}

fn site(cell: &Cell) -> String {
    let rounded = |degrees: f64| (degrees * 100_000.0 + 0.5).floor() / 100_000.0;
    format!("{:.5},{:.5}", rounded(cell.latitude), rounded(cell.longitude))
}

fn valid(cell: &Cell, date: NaiveDate) -> bool {
    cell.from.is_none_or(|from| from <= date) && cell.to.is_none_or(|to| date <= to)
}

fn metres(a: &str, b: &str) -> f64 {
    let radians = |site: &str| {
        let (latitude, longitude) = site.split_once(',').unwrap();
        [latitude, longitude].map(|degrees| degrees.parse::<f64>().unwrap().to_radians())
    };
    let ([lat_a, lon_a], [lat_b, lon_b]) = (radians(a), radians(b));
    // the spherical law of cosines, in a form that is exact for short distances as well
    let (sin, cos) = (lon_b - lon_a).sin_cos();
    let across =
        (lat_b.cos() * sin).hypot(lat_a.cos() * lat_b.sin() - lat_a.sin() * lat_b.cos() * cos);
    let along = lat_a.sin() * lat_b.sin() + lat_a.cos() * lat_b.cos() * cos;
    EARTH_M * across.atan2(along)
}

/// `numerator / denominator` to the nearest whole number, half up.
fn half_up(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator).div_euclid(2 * denominator)
}

/// A number of 1/10^places in its shortest form.
fn decimal(number: i128, places: usize) -> String {
    let text = format!("{number:0width$}", width = places + 1);
    let (whole, rest) = text.split_at(text.len() - places);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

fn share(part: i64, all: i64) -> String {
    decimal(half_up(i128::from(part) * 10_000, all.into()), 4)
}

/// The most frequent of these texts, and how often it occurs; of equally frequent ones the lowest.
fn most_frequent<'t>(texts: impl Iterator<Item = &'t str>) -> (String, i64) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    let most = *counts.values().max().unwrap();
    let (text, _) = counts.iter().find(|(_, count)| **count == most).unwrap();
    ((*text).to_owned(), most)
}

fn lau_of(world: &World, cell: &Cell) -> Option<String> {
    let inside = |at: f64, from: f64| from < at && at < from + UNIT_DEGREES;
    let unit = world
        .units
        .iter()
        .find(|unit| inside(cell.longitude, unit.west) && inside(cell.latitude, SOUTH));
    unit.map(|unit| unit.id.to_owned())
}

/// Events at cells valid on their date, without those at two places at once.
fn placed(world: &World) -> Vec<Placed> {
    let unique: BTreeSet<_> = world.events.iter().collect();
    let mut placed = Vec::new();
    for event in unique {
        let mut versions = world.cells.iter().filter(|cell| cell.id == event.cell);
        if let Some(cell) = versions.find(|cell| valid(cell, event.time.date())) {
            placed.push(Placed {
                user: event.user.clone(),
                time: event.time,
                cell: event.cell.clone(),
                site: site(cell),
                lau: lau_of(world, cell),
            });
        }
    }
    let mut sites: BTreeMap<(String, NaiveDateTime), BTreeSet<String>> = BTreeMap::new();
    for event in &placed {
        let at_once = sites.entry((event.user.clone(), event.time)).or_default();
        at_once.insert(event.site.clone());
    }
    placed.retain(|event| sites[&(event.user.clone(), event.time)].len() == 1);
    placed
}

/// The dates on which pseudonyms changed. Shares are compared as fractions.
fn breaks(world: &World) -> BTreeSet<NaiveDate> {
    let mut users: BTreeMap<NaiveDate, BTreeSet<&str>> = BTreeMap::new();
    for event in &world.events {
        users.entry(event.time.date()).or_default().insert(&event.user);
    }
    let mut shares: BTreeMap<NaiveDate, f64> = BTreeMap::new();
    for (date, of_date) in &users {
        if let Some(later) = users.get(&(*date + Days::new(7))) {
            let again = of_date.intersection(later).count();
            shares.insert(*date, again as f64 / of_date.len() as f64);
        }
    }
    let is_low = |date: NaiveDate| {
        let mut before: Vec<f64> =
            shares.range(date - Days::new(28)..date).map(|(_, share)| *share).collect();
        before.sort_by(f64::total_cmp);
        let n = before.len();
        shares
            .get(&date)
            .map(|share| n >= 7 && *share < (before[(n - 1) / 2] + before[n / 2]) / 2.0 / 2.0)
    };
    let mut breaks = BTreeSet::new();
    let (Some(first), Some(last)) = (users.keys().next(), users.keys().last()) else {
        return breaks;
    };
    for date in first.iter_days().take_while(|date| date <= last) {
        let before: Vec<Option<bool>> =
            (1..=7).map(|days| is_low(date - Days::new(days))).collect();
        let low = before.iter().filter(|low| **low == Some(true)).count();
        if is_low(date) != Some(true)
            && before[0] == Some(true)
            && low >= 5
            && !before.contains(&Some(false))
        {
            breaks.insert(date);
        }
    }
    breaks
}

impl Reference<'_> {
    fn site_lau(&self, site_id: &str, date: NaiveDate) -> Option<String> {
        let cells = self.world.cells.iter();
        let there = cells.filter(|cell| site(cell) == site_id && valid(cell, date));
        there.filter_map(|cell| lau_of(self.world, cell)).min()
    }

    fn window(&self, date: NaiveDate) -> NaiveDate {
        match self.rules.window {
            None => date.with_day(1).unwrap(),
            Some(days) => {
                let monday = NaiveDate::from_ymd_opt(1970, 1, 5).unwrap();
                date - TimeDelta::days((date - monday).num_days().rem_euclid(days))
            }
        }
    }

    fn window_before(&self, start: NaiveDate) -> NaiveDate {
        self.window(start - Days::new(1))
    }

    fn window_after(&self, start: NaiveDate) -> NaiveDate {
        match self.rules.window {
            None => start + Months::new(1),
            Some(days) => start + TimeDelta::days(days),
        }
    }

    /// Windows that hold a date with events that count.
    fn windows(&self) -> BTreeSet<NaiveDate> {
        self.dates.iter().map(|date| self.window(*date)).collect()
    }

    fn is_complete(&self, start: NaiveDate) -> bool {
        let end = self.window_after(start);
        start.iter_days().take_while(|date| *date < end).all(|date| self.dates.contains(&date))
    }

    fn has_break(&self, start: NaiveDate) -> bool {
        let end = self.window_after(start);
        self.breaks.iter().any(|date| start < *date && *date < end)
    }

    fn night_places(&self) -> BTreeMap<(String, NaiveDate), NightPlace> {
        let mut of_night: BTreeMap<(String, NaiveDate), Vec<&Placed>> = BTreeMap::new();
        for event in &self.placed {
            let date = event.time.date();
            let night = match event.time.hour() {
                22.. => date,
                ..7 => date - Days::new(1),
                _ => continue,
            };
            of_night.entry((event.user.clone(), night)).or_default().push(event);
        }
        let hours = |events: &[&Placed]| {
            events.iter().map(|e| clock_hour(e.time)).collect::<BTreeSet<_>>().len()
        };
        let mut places = BTreeMap::new();
        for (key, events) in of_night {
            let sites: BTreeSet<&String> = events.iter().map(|e| &e.site).collect();
            let mut best = None;
            for site in sites {
                let here: Vec<&Placed> =
                    events.iter().copied().filter(|e| e.site == *site).collect();
                let mut rows: BTreeMap<_, Vec<NaiveDateTime>> = BTreeMap::new();
                for event in &here {
                    rows.entry((&event.cell, clock_hour(event.time))).or_default().push(event.time);
                }
                let span: TimeDelta = rows
                    .values()
                    .map(|times| *times.iter().max().unwrap() - *times.iter().min().unwrap())
                    .sum();
                let rank = (hours(&here), span, here.len());
                // sites come in order, so that an equal one later is not better
                if best.as_ref().is_none_or(|(of_best, _, _)| rank > *of_best) {
                    best = Some((rank, site.clone(), here));
                }
            }
            let (_, site, here) = best.unwrap();
            let lau = here.iter().filter_map(|e| self.site_lau(&site, e.time.date())).min();
            let place =
                NightPlace { lau, hours: hours(&here), observed_hours: hours(&events), site };
            places.insert(key, place);
        }
        places
    }

    fn night_anchors(&self) -> BTreeMap<UserWindow, Anchor> {
        let windows = self.windows();
        let mut of_window: BTreeMap<UserWindow, Vec<&NightPlace>> = BTreeMap::new();
        for ((user, night), place) in &self.nights {
            let start = self.window(*night);
            if place.lau.is_some() && windows.contains(&start) {
                of_window.entry((user.clone(), start)).or_default().push(place);
            }
        }
        let mut anchors = BTreeMap::new();
        for (key, places) in of_window {
            let lau = |place: &NightPlace| place.lau.clone().unwrap();
            let laus: Vec<String> = places.iter().map(|place| lau(place)).collect();
            let (most, here) = most_frequent(laus.iter().map(String::as_str));
            let within = places.iter().filter(|place| lau(place) == most);
            let (site, _) = most_frequent(within.map(|place| place.site.as_str()));
            let observed = places.len() as i64;
            let is_home = observed >= MIN_NIGHTS && 2 * here >= observed && !self.has_break(key.1);
            let kind = if is_home { "home" } else { "night_location" };
            anchors.insert(key, Anchor { kind, site, lau: Some(most), observed, here });
        }
        anchors
    }

    fn works(&self) -> BTreeMap<UserWindow, Anchor> {
        type Hours = BTreeMap<NaiveDate, BTreeSet<u32>>;
        let mut of_window: BTreeMap<UserWindow, BTreeMap<String, Hours>> = BTreeMap::new();
        for event in &self.placed {
            let date = event.time.date();
            if date.weekday().number_from_monday() <= 5 && (9..17).contains(&event.time.hour()) {
                let sites = of_window.entry((event.user.clone(), self.window(date))).or_default();
                let hours = sites.entry(event.site.clone()).or_default().entry(date).or_default();
                hours.insert(event.time.hour());
            }
        }
        let mut works = BTreeMap::new();
        for ((user, start), sites) in of_window {
            let before = self.window_before(start);
            let nights: Vec<&str> = [start, before, self.window_before(before)]
                .into_iter()
                .filter_map(|start| self.night_anchors.get(&(user.clone(), start)))
                .map(|anchor| anchor.site.as_str())
                .collect();
            let days: BTreeSet<NaiveDate> =
                sites.values().flat_map(|dates| dates.keys().copied()).collect();
            let observed = days.len() as i64;
            let mut best: Option<((i64, usize), &String)> = None;
            for (site, dates) in &sites {
                let counted: Vec<usize> =
                    dates.values().map(BTreeSet::len).filter(|hours| *hours >= 2).collect();
                let rank = (counted.len() as i64, counted.iter().sum());
                let is_near = nights.iter().any(|night| metres(site, night) <= 1_000.0);
                if !is_near && rank.0 > 0 && best.is_none_or(|(of_best, _)| rank > of_best) {
                    best = Some((rank, site));
                }
            }
            let Some(((here, _), site)) = best else { continue };
            if observed >= MIN_WORKDAYS && 3 * here >= observed && !self.has_break(start) {
                let lau = sites[site].keys().filter_map(|date| self.site_lau(site, *date)).min();
                let site = site.clone();
                works.insert((user, start), Anchor { kind: "work", site, lau, observed, here });
            }
        }
        works
    }

    fn home(&self, user: &str, start: NaiveDate) -> Option<String> {
        let anchor = self.night_anchors.get(&(user.to_owned(), start));
        anchor.filter(|anchor| anchor.kind == "home").and_then(|anchor| anchor.lau.clone())
    }

    /// The window whose anchors apply to a date.
    fn anchor_window(&self, date: NaiveDate) -> NaiveDate {
        let nights: BTreeSet<NaiveDate> = self.nights.keys().map(|(_, night)| *night).collect();
        let applies = |start: &NaiveDate| {
            let end = self.window_after(*start);
            end <= date
                && nights.range(*start..end).count() as i64 >= MIN_NIGHTS
                && !self.breaks.iter().any(|at| start < at && *at <= date)
        };
        self.windows().into_iter().rev().find(applies).unwrap_or_else(|| self.window(date))
    }

    fn residents(&self, start: NaiveDate, lau: &str) -> i64 {
        let of_window = self.night_anchors.iter().filter(|((_, window), _)| *window == start);
        let homes = of_window.filter(|(_, anchor)| anchor.kind == "home");
        homes.filter(|(_, anchor)| anchor.lau.as_deref() == Some(lau)).count() as i64
    }

    /// Weight in ten-thousandths and status of a LAU in a window.
    fn weight(&self, start: NaiveDate, lau: &str) -> (Option<i128>, &'static str) {
        let unit = self.world.units.iter().find(|unit| unit.id == lau).unwrap();
        let devices = self.residents(start, lau);
        let Some(population) = unit.population else { return (None, "no_population") };
        let weight =
            (devices > 0).then(|| half_up(i128::from(population) * 10_000, devices.into()));
        if devices < self.rules.min_devices {
            (weight, "too_few")
        } else if population > MAX_WEIGHT * devices {
            (weight, "too_heavy")
        } else if population < devices {
            (Some(10_000), "over_covered")
        } else {
            (weight, "ok")
        }
    }

    /// Estimate, lower, upper and coverage of devices as the end of a line of CSV.
    fn estimate(&self, start: NaiveDate, strata: &Strata) -> String {
        let (mut all, mut counted, mut sum, mut variance) = (0, 0, 0_i128, 0_i128);
        let mut over_covered = false;
        for (lau, devices) in strata {
            all += devices;
            let (weight, status) = self.weight(start, lau);
            if let ("ok" | "over_covered", Some(weight)) = (status, weight) {
                counted += devices;
                sum += weight * i128::from(*devices);
                variance += weight * (weight - 10_000) * i128::from(*devices);
                over_covered |= status == "over_covered";
            }
        }
        let coverage = share(counted, all);
        if counted * 10 < all * 8 {
            return format!(",,,{coverage}");
        }
        let estimate = decimal(half_up(sum, 1_000), 1);
        if over_covered {
            return format!("{estimate},,,{coverage}");
        }
        let (sum, margin) = (sum as f64 / 10_000.0, 1.96 * (variance as f64).sqrt() / 10_000.0);
        let tenths = |people: f64| decimal((people * 10.0).round() as i128, 1);
        let (lower, upper) = (tenths((sum - margin).max(0.0)), tenths(sum + margin));
        format!("{estimate},{lower},{upper},{coverage}")
    }

    fn tables(&self) -> Vec<(&'static str, String)> {
        let mut tables = self.anchor_tables();
        tables.extend(self.commuter_tables());
        tables.extend(self.overnight_tables());
        tables.extend(self.present_tables());
        tables.push(self.weight_table());
        tables.push(self.od_pairs());
        tables
    }

    fn anchor_tables(&self) -> Vec<(&'static str, String)> {
        let nights = self.nights.iter().map(|((user, night), place)| {
            let lau = place.lau.clone().unwrap_or_default();
            let NightPlace { site, hours, observed_hours, .. } = place;
            format!("{user},{night},\"{site}\",{lau},{hours},{observed_hours}")
        });
        let all = self.night_anchors.iter().chain(&self.works);
        let by_key: BTreeMap<_, _> =
            all.map(|((user, start), anchor)| ((user, start, anchor.kind), anchor)).collect();
        let anchors = by_key.iter().map(|((user, start, kind), anchor)| {
            let Anchor { site, observed, here, .. } = anchor;
            let lau = anchor.lau.clone().unwrap_or_default();
            let share = share(*here, *observed);
            format!("{user},{start},{kind},\"{site}\",{lau},{observed},{here},{share}")
        });
        let mut residents = Vec::new();
        for start in self.windows() {
            for unit in &self.sorted_units() {
                let workers = self.works.iter().filter(|((_, window), anchor)| {
                    *window == start && anchor.lau.as_deref() == Some(unit.0)
                });
                residents.push(format!(
                    "{start},{},{},{},{},{}",
                    unit.0,
                    unit.1,
                    self.residents(start, unit.0),
                    workers.count(),
                    self.is_complete(start)
                ));
            }
        }
        vec![
            table("night_places", "user_id,night,site_id,lau_id,hours,observed_hours", nights),
            table(
                "anchors",
                "user_id,window_start,kind,site_id,lau_id,observed,here,share",
                anchors,
            ),
            table(
                "residents_per_lau",
                "window_start,lau_id,lau_name,residents,workers,complete",
                residents,
            ),
        ]
    }

    fn sorted_units(&self) -> Vec<(&'static str, &'static str)> {
        let mut units: Vec<_> = self.world.units.iter().map(|unit| (unit.id, unit.name)).collect();
        units.sort();
        units
    }

    fn commuter_tables(&self) -> Vec<(&'static str, String)> {
        let mut counts: BTreeMap<(NaiveDate, String, NullsLast), i64> = BTreeMap::new();
        for ((user, start), work) in &self.works {
            if let Some(home) = self.home(user, *start) {
                *counts.entry((*start, home, NullsLast::of(&work.lau))).or_default() += 1;
            }
        }
        let commuters = counts.iter().map(|((start, home, work), devices)| {
            format!("{start},{home},{work},{devices},{}", self.is_complete(*start))
        });
        let estimates = counts.iter().map(|((start, home, work), devices)| {
            let strata = Strata::from([(home.clone(), *devices)]);
            format!("{start},{home},{work},{}", self.estimate(*start, &strata))
        });
        vec![
            table("commuters", "window_start,home_lau_id,work_lau_id,devices,complete", commuters),
            table(
                "commuters_estimate",
                "window_start,home_lau_id,work_lau_id,estimate,lower,upper,coverage",
                estimates,
            ),
        ]
    }

    fn overnight_tables(&self) -> Vec<(&'static str, String)> {
        let mut counts: BTreeMap<(NaiveDate, NullsLast, String), i64> = BTreeMap::new();
        for ((user, night), place) in &self.nights {
            if let Some(lau) = &place.lau {
                let home = self.home(user, self.anchor_window(*night));
                let key = (*night, NullsLast::of(&home), lau.clone());
                *counts.entry(key).or_default() += 1;
            }
        }
        let stays = counts
            .iter()
            .map(|((night, home, lau), devices)| format!("{night},{home},{lau},{devices}"));
        let with_home = counts.iter().filter(|((_, home, _), _)| !home.is_null());
        let estimates = with_home.map(|((night, home, lau), devices)| {
            let strata = Strata::from([(home.to_string(), *devices)]);
            let estimate = self.estimate(self.anchor_window(*night), &strata);
            format!("{night},{home},{lau},{estimate}")
        });
        vec![
            table("overnight_stays", "night,home_lau_id,night_lau_id,devices", stays),
            table(
                "overnight_estimate",
                "night,home_lau_id,night_lau_id,estimate,lower,upper,coverage",
                estimates,
            ),
        ]
    }

    fn present_tables(&self) -> Vec<(&'static str, String)> {
        let mut by_user: BTreeMap<&str, Vec<&Placed>> = BTreeMap::new();
        for event in &self.placed {
            by_user.entry(&event.user).or_default().push(event);
        }
        let names: BTreeMap<_, _> = self.sorted_units().into_iter().collect();
        type Key = (NaiveDate, NaiveDateTime, String);
        let mut roles: BTreeMap<(Key, &str), i64> = BTreeMap::new();
        let mut strata: BTreeMap<Key, Strata> = BTreeMap::new();
        let mut coverage = Vec::new();
        for date in &self.dates {
            let start = self.anchor_window(*date);
            let on_date = |e: &&Placed| e.time.date() == *date;
            let active = by_user.values().filter(|events| events.iter().any(on_date)).count();
            for hour in 0..24 {
                let at = date.and_hms_opt(hour, 0, 0).unwrap();
                let mut located = 0;
                for (user, events) in &by_user {
                    let near = events.iter().filter(|e| {
                        at - TimeDelta::hours(1) <= e.time && e.time < at + TimeDelta::hours(1)
                    });
                    let near = near.map(|e| ((e.time - at).abs(), e.time, &e.cell, &e.lau));
                    let Some((.., Some(lau))) = near.min() else { continue };
                    located += 1;
                    let home = self.home(user, start);
                    let work = self.works.get(&((*user).to_owned(), start));
                    let role = match &home {
                        Some(home) if home == lau => "resident",
                        _ if work.is_some_and(|work| work.lau.as_ref() == Some(lau)) => "worker",
                        Some(_) => "visitor",
                        None => "unknown",
                    };
                    let key = (*date, at, lau.clone());
                    *roles.entry((key.clone(), role)).or_default() += 1;
                    if let Some(home) = home {
                        *strata.entry(key).or_default().entry(home).or_default() += 1;
                    }
                }
                coverage.push(format!("{date},{at},{located},{active}"));
            }
        }
        let present = roles.iter().map(|(((date, at, lau), role), devices)| {
            format!("{date},{at},{lau},{},{role},{devices}", names[lau.as_str()])
        });
        let estimates = strata.iter().map(|((date, at, lau), strata)| {
            let estimate = self.estimate(self.anchor_window(*date), strata);
            format!("{date},{at},{lau},{},{estimate}", names[lau.as_str()])
        });
        vec![
            table("present_per_lau", "date,hour,lau_id,lau_name,role,devices", present),
            table("present_coverage", "date,hour,located,active", coverage),
            table(
                "present_estimate",
                "date,hour,lau_id,lau_name,estimate,lower,upper,coverage",
                estimates,
            ),
        ]
    }

    fn weight_table(&self) -> (&'static str, String) {
        let mut lines = Vec::new();
        for start in self.windows() {
            for (lau, _) in self.sorted_units() {
                let unit = self.world.units.iter().find(|unit| unit.id == lau).unwrap();
                let population = unit.population.map(|p| p.to_string()).unwrap_or_default();
                let devices = self.residents(start, lau);
                let (weight, status) = self.weight(start, lau);
                let weight = weight.map(|weight| decimal(weight, 4)).unwrap_or_default();
                lines.push(format!("{start},{lau},{population},{devices},{weight},{status}"));
            }
        }
        table("population_weights", "window_start,lau_id,population,devices,weight,status", lines)
    }

    fn od_pairs(&self) -> (&'static str, String) {
        type Times = (NaiveDateTime, NaiveDateTime);
        let mut seen: BTreeMap<(&str, NaiveDate), BTreeMap<NullsLast, Times>> = BTreeMap::new();
        for event in &self.placed {
            let of_date = seen.entry((&event.user, event.time.date())).or_default();
            let times =
                of_date.entry(NullsLast::of(&event.lau)).or_insert((event.time, event.time));
            *times = (times.0.min(event.time), times.1.max(event.time));
        }
        let mut pairs: BTreeMap<(NaiveDate, NullsLast, NullsLast), i64> = BTreeMap::new();
        for ((_, date), laus) in seen {
            for (from, (earliest, _)) in &laus {
                for (to, _) in laus.iter().filter(|(_, (_, latest))| earliest <= latest) {
                    *pairs.entry((date, from.clone(), to.clone())).or_default() += 1;
                }
            }
        }
        let lines =
            pairs.iter().map(|((date, from, to), devices)| format!("{date},{from},{to},{devices}"));
        table("od_pairs_per_day", "date,from_lau_id,to_lau_id,devices", lines)
    }
}

/// The id of a LAU, or nothing, which comes last and is empty in CSV.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NullsLast(bool, String);

impl NullsLast {
    fn of(lau: &Option<String>) -> Self {
        NullsLast(lau.is_none(), lau.clone().unwrap_or_default())
    }

    fn is_null(&self) -> bool {
        self.0
    }
}

impl Display for NullsLast {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

fn table<L: Into<String>>(
    name: &'static str,
    header: &str,
    lines: impl IntoIterator<Item = L>,
) -> (&'static str, String) {
    let mut csv = format!("{header}\n");
    for line in lines {
        csv.push_str(&line.into());
        csv.push('\n');
    }
    (name, csv)
}
