//! `night_places`: the site where each device spent most of a night.

use arrow::array::ArrayRef;

use super::Computation;
use super::clock::hour_of_day;
use super::columns::{Users, integers, optional_texts, same_day, texts};
use super::planned_places::PlannedPlaces;
use super::user_rows::Seen;

struct Row {
    user: usize,
    site: u32,
    lau: Option<u32>,
    hours: i64,
    observed_hours: i64,
}

/// What a device did at a site in the night.
struct AtSite {
    site: u32,
    lau: Option<u32>,
    hours: i64,
    span_us: i64,
    events: i64,
}

pub struct NightPlaces {
    /// The date on which the night begins.
    night: i32,
    /// The first clock hour, and the first one after them.
    hours: (u32, u32),
    users: Users,
    rows: Vec<Row>,
    /// The rows of a user in the night.
    seen: Vec<Seen>,
    labels: Vec<i64>,
}

impl NightPlaces {
    pub fn of(night: i32, hours: (u32, u32)) -> Self {
        let (users, rows, seen) = (Users::default(), Vec::new(), Vec::new());
        NightPlaces { night, hours, users, rows, seen, labels: Vec::new() }
    }

    fn is_in_night(&self, row: &Seen) -> bool {
        let ((start, end), hour) = (self.hours, hour_of_day(row.label_us));
        match hour >= start {
            true => row.day == self.night,
            false => hour < end && row.day == self.night + 1,
        }
    }
}

impl Computation for NightPlaces {
    const WITH_TIMES: bool = true;

    fn add(&mut self, user: &str, rows: &[Seen]) {
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        seen.extend(rows.iter().filter(|row| self.is_in_night(row)));
        seen.sort_unstable_by_key(|row| (row.place.site, row.label_us));
        let mut best: Option<AtSite> = None;
        // the lowest site comes first, and stays where another is equal
        for of_site in seen.chunk_by(|a, b| a.place.site == b.place.site) {
            let here = AtSite {
                site: of_site[0].place.site,
                lau: of_site.iter().filter_map(|row| row.place.site_lau).min(),
                hours: of_site.chunk_by(|a, b| a.label_us == b.label_us).count() as i64,
                span_us: of_site.iter().map(|row| row.last_us - row.first_us).sum(),
                events: of_site.iter().map(|row| row.events).sum(),
            };
            let rank = |at: &AtSite| (at.hours, at.span_us, at.events);
            if best.as_ref().is_none_or(|best| rank(&here) > rank(best)) {
                best = Some(here);
            }
        }
        if let Some(AtSite { site, lau, hours, .. }) = best {
            self.labels.clear();
            self.labels.extend(seen.iter().map(|row| row.label_us));
            self.labels.sort_unstable();
            self.labels.dedup();
            let (user, observed_hours) = (self.users.add(user), self.labels.len() as i64);
            self.rows.push(Row { user, site, lau, hours, observed_hours });
        }
        self.seen = seen;
    }

    fn columns(self, plan: &PlannedPlaces) -> Vec<ArrayRef> {
        let rows = &self.rows;
        vec![
            self.users.column(rows.iter().map(|row| row.user)),
            same_day(self.night, rows.len()),
            texts(rows.iter().map(|row| plan.site(row.site))),
            optional_texts(rows.iter().map(|row| row.lau.map(|lau| plan.lau(lau)))),
            integers(rows.iter().map(|row| row.hours)),
            integers(rows.iter().map(|row| row.observed_hours)),
        ]
    }
}
