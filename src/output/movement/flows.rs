//! Trips between LAUs on a date or in one of its hours: the most frequent pairs, and the sums of every LAU.

use anyhow::Result;
use serde_json::{Value, json};

use super::about::About;
use super::matrix;
use super::sums::{self, Sums};
use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// Lines that a map shows, those of most trips first.
const MAX_LINES: usize = 2_000;

/// Of one LAU, the lines also have trips within it, and to and from places outside all LAUs. Of all LAUs, the
/// document also has the sums and the matrix.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn document(warehouse: &dyn Warehouse, about: &About) -> Result<Value> {
    let when = condition(about);
    let texts: Vec<&str> = about.lau.as_deref().into_iter().collect();
    let chosen = match texts.is_empty() {
        false => format!("{when} AND (from_lau_id = $1 OR to_lau_id = $1)"),
        true => format!("{when} AND from_lau_id <> to_lau_id"),
    };
    let lines = lines(warehouse, &chosen, &texts)?;
    let pairs = match lines.len() < MAX_LINES {
        true => lines.len() as i64,
        false => pairs(warehouse, &chosen, &texts)?,
    };
    let mut document = json!({
        "date": about.date, "hour": about.hour, "lau": about.lau, "pairs": pairs, "lines": lines,
        "sums": null, "matrix": null,
    });
    if about.lau.is_none() {
        let sums = sums::by_lau(warehouse, &when)?;
        document["matrix"] = matrix::document(warehouse, &when, &sums)?;
        let row = |(lau, s): (Option<String>, Sums)| json!([lau, s.arriving, s.leaving, s.within]);
        document["sums"] = sums.into_iter().map(row).collect();
    }
    Ok(document)
}

fn condition(about: &About) -> String {
    let date = format!("date = DATE '{}'", about.date);
    match about.hour {
        Some(hour) => format!("{date} AND EXTRACT(HOUR FROM hour) = {hour}"),
        None => date,
    }
}

/// `[from, to, trips]`, most trips first. The condition has the texts as parameters.
fn lines(warehouse: &dyn Warehouse, condition: &str, texts: &[&str]) -> Result<Vec<Value>> {
    let sql = format!(
        "SELECT from_lau_id, to_lau_id, CAST(SUM(trips) AS BIGINT) AS trips FROM trips_od WHERE {condition} \
         GROUP BY from_lau_id, to_lau_id ORDER BY trips DESC, from_lau_id, to_lau_id LIMIT {MAX_LINES}"
    );
    let rows = Columns::read(warehouse.sql_with(&sql, texts)?)?;
    let (starts, ends) = (rows.texts("from_lau_id")?, rows.texts("to_lau_id")?);
    let trips = rows.counts("trips")?;
    Ok((0..rows.num_rows()).map(|i| json!([starts[i], ends[i], trips[i]])).collect())
}

fn pairs(warehouse: &dyn Warehouse, condition: &str, texts: &[&str]) -> Result<i64> {
    let sql = format!(
        "SELECT COUNT(*) AS pairs \
         FROM (SELECT DISTINCT from_lau_id, to_lau_id FROM trips_od WHERE {condition}) AS p"
    );
    Ok(Columns::read(warehouse.sql_with(&sql, texts)?)?
        .counts("pairs")?
        .first()
        .copied()
        .unwrap_or(0))
}
