//! The ground truth: figures to compare with the results of the pipeline.

use std::path::Path;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::event_files::DayCount;

/// Identifies a ground truth file of this stage.
const MADE_BY: &str = "mobility synth";

/// Content of `truth.json`. EE stands for the main country and LV for the second one in all layouts.
#[derive(Debug, Serialize)]
pub struct Truth {
    made_by: &'static str,
    seed: u64,
    events: u64,
    /// All users, including those without an event; the same as in `truth_homes.parquet`.
    pub users: u64,
    /// Devices of people, each with as many users as it has pseudonyms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// Users with at least one event on any day.
    distinct_users_seen: u64,
    pub cells: u64,
    /// Cells in no LAU of EE: in LV or at sea.
    pub cells_outside_ee: u64,
    /// Cells in no LAU at all.
    pub cells_at_sea: u64,
    pub laus: Laus,
    days: Vec<DayTruth>,
    /// Users with an event before the latest change of pseudonyms.
    #[serde(skip)]
    seen_before: u64,
    #[serde(skip)]
    seen: Vec<bool>,
}

/// LAUs per country.
#[derive(Debug, Serialize)]
pub struct Laus {
    #[serde(rename = "EE")]
    pub main: u32,
    #[serde(rename = "LV")]
    pub second: u32,
}

#[derive(Debug, Serialize)]
struct DayTruth {
    date: String,
    events: u64,
    distinct_users_seen: u64,
    /// Rows equal to an earlier row in all three columns.
    repeated_rows: u64,
    /// Rows at cells in no LAU of EE.
    events_outside_ee: u64,
    events_per_hour: [u64; 24],
}

impl Truth {
    pub fn new(seed: u64, users: u64, cells: u64, laus: Laus) -> Truth {
        Truth {
            made_by: MADE_BY,
            seed,
            events: 0,
            users,
            devices: None,
            distinct_users_seen: 0,
            cells,
            cells_outside_ee: 0,
            cells_at_sea: 0,
            laus,
            days: Vec::new(),
            seen_before: 0,
            seen: vec![false; users as usize],
        }
    }

    pub fn add_day(&mut self, date: NaiveDate, count: &DayCount) {
        let seen = |users: &[bool]| users.iter().filter(|s| **s).count() as u64;
        for (ever, today) in self.seen.iter_mut().zip(&count.seen) {
            *ever |= today;
        }
        self.events += count.events;
        self.distinct_users_seen = self.seen_before + seen(&self.seen);
        self.days.push(DayTruth {
            date: date.to_string(),
            events: count.events,
            distinct_users_seen: seen(&count.seen),
            repeated_rows: count.repeated_rows,
            events_outside_ee: count.events_outside,
            events_per_hour: count.events_per_hour,
        });
    }

    /// All pseudonyms change: the users of the days that follow are others.
    pub fn rotate(&mut self) {
        self.seen_before = self.distinct_users_seen;
        self.seen.fill(false);
    }

    /// Events of all days.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// # Errors
    /// Never for this type.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Refuses to replace inputs that this stage did not write: real data have no `truth.json`.
///
/// # Errors
/// If one of `folders` in `out` is not empty and there is no ground truth of this stage.
pub fn refuse_foreign(out: &Path, folders: &[&str]) -> Result<()> {
    #[derive(Deserialize)]
    struct Origin {
        made_by: String,
    }
    let truth = out.join("truth.json");
    let own = std::fs::read(&truth)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Origin>(&bytes).ok())
        .is_some_and(|origin| origin.made_by == MADE_BY);
    if own {
        return Ok(());
    }
    for name in folders {
        let path = out.join(name);
        let is_not_empty = match std::fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(e).with_context(|| format!("cannot list {}", path.display())),
        };
        if is_not_empty {
            bail!(
                "{} contains files that `mobility synth` did not create ({} is missing); choose \
                 another --out, or remove the folder",
                path.display(),
                truth.display()
            );
        }
    }
    if truth.exists() {
        bail!(
            "{} was not created by `mobility synth` and would be replaced; choose another --out",
            truth.display()
        );
    }
    Ok(())
}
