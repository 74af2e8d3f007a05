//! `workday_sites`: the sites of each device in the hours of work of a workday.

use arrow::array::ArrayRef;

use super::Computation;
use super::clock::hour_of_day;
use super::columns::{Users, integers, optional_texts, same_day, texts};
use super::planned_places::{Place, PlannedPlaces};
use super::user_rows::Seen;

struct Row {
    user: usize,
    place: Place,
    hours: i64,
}

pub struct WorkdaySites {
    day: i32,
    /// The first clock hour, and the first one after them.
    work: (u32, u32),
    users: Users,
    rows: Vec<Row>,
    /// The sites and hours of a user.
    seen: Vec<(u32, i64, Place)>,
}

impl WorkdaySites {
    pub fn on(day: i32, work: (u32, u32)) -> Self {
        WorkdaySites { day, work, users: Users::default(), rows: Vec::new(), seen: Vec::new() }
    }
}

impl Computation for WorkdaySites {
    const WITH_TIMES: bool = false;

    fn add(&mut self, user: &str, rows: &[Seen]) {
        let (first, end) = self.work;
        let at_work = rows.iter().filter(|row| (first..end).contains(&hour_of_day(row.label_us)));
        self.seen.clear();
        self.seen.extend(at_work.map(|row| (row.place.site, row.label_us, row.place)));
        if self.seen.is_empty() {
            return;
        }
        self.seen.sort_unstable_by_key(|(site, hour, _)| (*site, *hour));
        self.seen.dedup_by_key(|(site, hour, _)| (*site, *hour));
        let user = self.users.add(user);
        for of_site in self.seen.chunk_by(|a, b| a.0 == b.0) {
            self.rows.push(Row { user, place: of_site[0].2, hours: of_site.len() as i64 });
        }
    }

    fn columns(self, plan: &PlannedPlaces) -> Vec<ArrayRef> {
        let rows = &self.rows;
        vec![
            self.users.column(rows.iter().map(|row| row.user)),
            same_day(self.day, rows.len()),
            texts(rows.iter().map(|row| plan.site(row.place.site))),
            optional_texts(rows.iter().map(|row| row.place.site_lau.map(|lau| plan.lau(lau)))),
            integers(rows.iter().map(|row| row.hours)),
        ]
    }
}
