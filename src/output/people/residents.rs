//! Residents, workers and weights of every LAU in a window.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// One array for each column, in the order of the array `laus`.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn document(warehouse: &dyn Warehouse, window: NaiveDate) -> Result<Value> {
    let rows = Columns::read(warehouse.sql(&format!(
        "SELECT r.lau_id, r.residents, r.workers, w.population, w.weight, w.status \
         FROM (SELECT lau_id, residents, workers FROM residents_per_lau WHERE window_start = DATE '{window}') AS r \
         LEFT JOIN (SELECT lau_id, population, weight, status FROM population_weights \
           WHERE window_start = DATE '{window}') AS w ON w.lau_id = r.lau_id \
         ORDER BY r.lau_id"
    ))?)?;
    Ok(json!({
        "window": window,
        "laus": rows.texts("lau_id")?,
        "residents": rows.counts("residents")?,
        "workers": rows.counts("workers")?,
        "population": rows.integers("population")?,
        "weight": rows.numbers("weight")?,
        "status": rows.texts("status")?,
    }))
}
