//! Fingerprints of the cell plan: they change with the cells that are valid on a date.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::cell_plan::PlannedCells;
use crate::domain::ids::hex;
use crate::domain::time::LocalDate;

/// Fingerprints of the cell plan by date; dates between two changes of the plan share one.
pub struct PlanFingerprints<'a> {
    plan: Option<&'a PlannedCells>,
    changes: Vec<i32>,
    known: BTreeMap<usize, String>,
}

impl<'a> PlanFingerprints<'a> {
    pub fn new(plan: Option<&'a PlannedCells>) -> Self {
        let versions = plan.iter().flat_map(|p| &p.cells).flat_map(|(_, versions)| versions);
        let ends = versions.flat_map(|v| [v.start, v.end.map(|end| end.saturating_add(1))]);
        let changes: BTreeSet<i32> = ends.flatten().collect();
        PlanFingerprints { plan, changes: changes.into_iter().collect(), known: BTreeMap::new() }
    }

    /// The fingerprint on a date; empty without a cell plan.
    pub fn of(&mut self, date: NaiveDate) -> String {
        let Some(plan) = self.plan else { return String::new() };
        let day = LocalDate::from_calendar(date).0;
        let since = self.changes.partition_point(|change| *change <= day);
        self.known.entry(since).or_insert_with(|| plan_fingerprint(plan, day)).clone()
    }
}

fn plan_fingerprint(plan: &PlannedCells, day: i32) -> String {
    let mut hash = Sha256::new();
    for (id, versions) in &plan.cells {
        let valid = versions.iter().find(|v| {
            v.start.is_none_or(|start| start <= day) && v.end.is_none_or(|end| day <= end)
        });
        hash.update(id);
        match valid {
            Some(v) => {
                hash.update([1]);
                hash.update(v.lat.to_bits().to_le_bytes());
                hash.update(v.lon.to_bits().to_le_bytes());
            }
            None => hash.update([0]),
        }
    }
    for id in &plan.bad_coordinates {
        hash.update([2]);
        hash.update(id);
    }
    hex(&hash.finalize())
}
