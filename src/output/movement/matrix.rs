//! Trips between the LAUs that have most of them.

use std::cmp::Reverse;
use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::sums::SumsByLau;
use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// Rows and columns of the matrix.
const MAX_LAUS: usize = 30;

/// `{ laus, trips }`: the busiest LAUs, and an array for each, with the trips from it to each of them.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn document(warehouse: &dyn Warehouse, condition: &str, sums: &SumsByLau) -> Result<Value> {
    let mut busiest: Vec<(Reverse<i64>, &str)> = sums
        .iter()
        .filter_map(|(lau, sums)| Some((Reverse(sums.all()), lau.as_deref()?)))
        .collect();
    busiest.sort_unstable();
    busiest.truncate(MAX_LAUS);
    let laus: Vec<&str> = busiest.into_iter().map(|(_, lau)| lau).collect();
    let mut trips = vec![vec![0; laus.len()]; laus.len()];
    if !laus.is_empty() {
        let ids: Vec<String> = (1..=laus.len()).map(|n| format!("${n}")).collect();
        let ids = ids.join(", ");
        let sql = format!(
            "SELECT from_lau_id, to_lau_id, CAST(SUM(trips) AS BIGINT) AS trips FROM trips_od \
             WHERE {condition} AND from_lau_id IN ({ids}) AND to_lau_id IN ({ids}) \
             GROUP BY from_lau_id, to_lau_id"
        );
        let rows = Columns::read(warehouse.sql_with(&sql, &laus)?)?;
        let places: HashMap<&str, usize> =
            laus.iter().enumerate().map(|(place, lau)| (*lau, place)).collect();
        let place = |lau: Option<String>| places.get(lau.as_deref()?).copied();
        let ends = rows.texts("from_lau_id")?.into_iter().zip(rows.texts("to_lau_id")?);
        for ((from, to), n) in ends.zip(rows.counts("trips")?) {
            if let (Some(from), Some(to)) = (place(from), place(to)) {
                trips[from][to] = n;
            }
        }
    }
    Ok(json!({ "laus": laus, "trips": trips }))
}
