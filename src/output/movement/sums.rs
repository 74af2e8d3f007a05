//! Trips into, out of and within each LAU.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// Trips into a LAU, out of it, and within it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    pub arriving: i64,
    pub leaving: i64,
    pub within: i64,
}

impl Sums {
    pub fn all(self) -> i64 {
        self.arriving + self.leaving + self.within
    }
}

/// By `lau_id`; without an id, what lies outside all LAUs.
pub type SumsByLau = BTreeMap<Option<String>, Sums>;

/// The sums of the rows of `trips_od` that fulfil a condition.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn by_lau(warehouse: &dyn Warehouse, condition: &str) -> Result<SumsByLau> {
    let mut sums = SumsByLau::new();
    let sum = |condition: &str| {
        format!("CAST(SUM(CASE WHEN {condition} THEN trips ELSE 0 END) AS BIGINT)")
    };
    let apart = sum("from_lau_id IS DISTINCT FROM to_lau_id");
    let within = sum("from_lau_id IS NOT DISTINCT FROM to_lau_id");
    let arrivals = Columns::read(warehouse.sql(&format!(
        "SELECT to_lau_id AS lau, {apart} AS arriving, {within} AS staying FROM trips_od WHERE {condition} \
         GROUP BY to_lau_id"
    ))?)?;
    let (arriving, staying) = (arrivals.counts("arriving")?, arrivals.counts("staying")?);
    for (i, lau) in arrivals.texts("lau")?.into_iter().enumerate() {
        sums.insert(lau, Sums { arriving: arriving[i], within: staying[i], leaving: 0 });
    }
    let departures = Columns::read(warehouse.sql(&format!(
        "SELECT from_lau_id AS lau, {apart} AS leaving FROM trips_od WHERE {condition} GROUP BY from_lau_id"
    ))?)?;
    for (lau, leaving) in departures.texts("lau")?.into_iter().zip(departures.counts("leaving")?) {
        sums.entry(lau).or_default().leaving = leaving;
    }
    Ok(sums)
}
