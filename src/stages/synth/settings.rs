//! Size and seed of the data set.

use std::path::PathBuf;

use anyhow::{Result, bail};
use chrono::{Days, NaiveDate};

use super::layout::Layout;

/// Ratio of users to events per day in a typical data set.
const USERS_PER_EVENTS: (u64, u64) = (150_000, 40_700_000);

/// Size and seed of a synthetic data set. Equal settings give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of `events/`, `cells/`, `lau_boundaries/` and the ground truth.
    pub out: PathBuf,
    /// Number of users; 0 for 150,000 per 40.7 million events per day.
    pub users: u64,
    /// Events per day, exactly.
    pub events: u64,
    /// Cells in the plan.
    pub cells: u64,
    /// LAUs of the main country, EE; LV has half as many in addition.
    pub laus: u64,
    pub days: u32,
    /// First day.
    pub start: NaiveDate,
    pub seed: u64,
    pub layout: Layout,
    /// Devices with lives, which determine the events instead of `users` and `events`; 0 for none.
    pub people: u64,
    /// Dates from which all pseudonyms are new, ascending; only with `people`.
    pub rotations: Vec<NaiveDate>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            out: PathBuf::from("data/raw"),
            users: 0,
            events: 1_000_000,
            cells: 3_000,
            laus: 79,
            days: 1,
            start: NaiveDate::from_ymd_opt(2024, 10, 1).unwrap_or_default(),
            seed: 20_241_001,
            layout: Layout::default(),
            people: 0,
            rotations: Vec::new(),
        }
    }
}

impl Settings {
    /// Users after the default ratio is applied.
    pub fn user_count(&self) -> u64 {
        let (users, events) = USERS_PER_EVENTS;
        match self.users {
            0 => (self.events.saturating_mul(users).saturating_add(events / 2) / events).max(1),
            given => given,
        }
    }

    /// LAUs of the second country.
    pub fn second_country_laus(&self) -> u64 {
        (self.laus / 2).max(1)
    }

    /// # Errors
    /// A size of zero, or one that exceeds memory or the range of ids.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("users", self.user_count(), 20_000_000),
            ("events", self.events, 10_000_000_000),
            ("cells", self.cells, 2_000_000),
            ("laus", self.laus, 150_000),
            ("days", u64::from(self.days), 3_660),
        ];
        for (name, value, max) in ranges {
            if value == 0 || value > max {
                bail!("--{name} {value} is out of range; use 1 to {max}");
            }
        }
        if self.start.checked_add_days(Days::new(self.days.into())).is_none() {
            bail!("--start {} with --days {} exceeds the range of dates", self.start, self.days);
        }
        if self.people > 20_000_000 {
            bail!("--people {} is out of range; use 1 to 20000000", self.people);
        }
        self.check_rotations()
    }

    fn check_rotations(&self) -> Result<()> {
        let end = self.start + Days::new(self.days.into());
        for date in &self.rotations {
            if *date <= self.start || *date >= end {
                bail!(
                    "--rotate {date} is not among the days after the first one; use a date after {} \
                     and before {end}",
                    self.start
                );
            }
        }
        if self.rotations.windows(2).any(|pair| pair[0] >= pair[1]) {
            bail!("the dates of --rotate are not in ascending order; give each of them once");
        }
        Ok(())
    }
}

/// The dates of the events.
pub fn days(settings: &Settings) -> impl Iterator<Item = NaiveDate> {
    let start = settings.start;
    (0..u64::from(settings.days)).filter_map(move |n| start.checked_add_days(Days::new(n)))
}
