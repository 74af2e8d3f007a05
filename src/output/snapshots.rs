//! Snapshot views of dates that are not loaded.

use anyhow::Result;

use crate::config::SnapshotDate;
use crate::views::View;
use crate::warehouse::{Relation, Warehouse};

/// False for a snapshot view whose date is not loaded. The newest date is always loaded.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn is_loaded(warehouse: &dyn Warehouse, view: &View) -> Result<bool> {
    let Some(SnapshotDate::Day(day)) = view.snapshot else { return Ok(true) };
    let sql =
        format!("SELECT date FROM mobile_events_compressed WHERE date = DATE '{day}' LIMIT 1");
    for batch in warehouse.sql(&sql)? {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why a snapshot view has no rows, if its date is not loaded; `None` for all other relations.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn why_empty(warehouse: &dyn Warehouse, relation: Relation) -> Result<Option<String>> {
    let Relation::View(view) = relation else { return Ok(None) };
    let Some(date) = view.snapshot else { return Ok(None) };
    if is_loaded(warehouse, view)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "{date} is not loaded; `mobility quality` lists the dates that are, and views.snapshot_dates names \
         those with snapshot views (\"newest\" for the newest one)"
    )))
}
