//! The rows of a view as a table of the session: this, unlike an insert, may use all cores.
//!
//! A view that only compares ids is computed on the numbers that stand for them. Two views of the
//! session hide the tables for that long, with numbers in the place of ids; the SQL of the view is
//! the same.

use anyhow::Result;
use postgres::Transaction;

use super::cursor_rows::DECLARE;
use super::server_errors::{explain_sql, failed};
use super::view_results::{columns, select_of};
use crate::domain::tables::quoted;
use crate::views::compares_ids_only;

/// The table that a result is computed into.
pub const COMPUTED: &str = "mobility_computed";

const NUMBERS: &str = "
INSERT INTO mobility_cell (cell_id)
SELECT DISTINCT p.cell_id FROM cell_plan p
WHERE NOT EXISTS (SELECT FROM mobility_cell c WHERE c.cell_id = p.cell_id) ORDER BY p.cell_id
ON CONFLICT DO NOTHING;
CREATE TEMP VIEW cell_plan AS
SELECT c.cell_no AS cell_id, p.latitude, p.longitude, p.valid_date_start, p.valid_date_end, p.lau_id,
  p.lau_match, p.lau_distance_m, p.geometry
FROM cell_plan p
LEFT JOIN mobility_cell c ON c.cell_id = p.cell_id;
CREATE TEMP VIEW mobile_events_compressed AS
SELECT p.user_no AS user_id, p.cell_no AS cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  p.first_seen, p.last_seen, p.event_count::bigint AS event_count
FROM mobility_presence p
JOIN mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL;
CREATE TEMP VIEW mobile_events_placed AS
SELECT p.user_no AS user_id, p.cell_no AS cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  p.first_seen, p.last_seen,
  (p.event_count - greatest(p.two_places, -1 - p.two_places))::bigint AS event_count
FROM mobility_presence p
JOIN mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL
WHERE greatest(p.two_places, -1 - p.two_places) < p.event_count;
CREATE TEMP VIEW mobile_events_uncompressed AS
SELECT e.user_no AS user_id, e.cell_no AS cell_id, e.\"timestamp\"
FROM mobility_event e
JOIN mobility_leaf f ON f.leaf_no = e.leaf_no AND f.retired_by IS NULL;";

const TEXTS: &str = "DROP VIEW pg_temp.cell_plan, pg_temp.mobile_events_compressed, pg_temp.mobile_events_placed, \
                     pg_temp.mobile_events_uncompressed";

/// Plans a SELECT without running it. A cursor takes one that changes nothing, and no second
/// statement behind it.
///
/// # Errors
/// What the server says about it, with its place.
pub fn plan(transaction: &mut Transaction, select: &str) -> Result<()> {
    transaction
        .execute(&format!("{DECLARE}{select}"), &[])
        .map_err(|e| explain_sql(&e, select, DECLARE.len()))?;
    transaction.batch_execute("CLOSE mobility_rows").map_err(failed)
}

/// Computes a SELECT into [`COMPUTED`].
///
/// # Errors
/// What the server says about it, with its place.
pub fn compute(transaction: &mut Transaction, sql: &str) -> Result<()> {
    let select = select_of(sql);
    plan(transaction, select)?;
    transaction.batch_execute("DROP TABLE IF EXISTS pg_temp.mobility_computed").map_err(failed)?;
    if compares_ids_only(select) {
        return by_numbers(transaction, select);
    }
    create(transaction, COMPUTED, select)
}

fn create(transaction: &mut Transaction, table: &str, select: &str) -> Result<()> {
    let create = format!("CREATE TEMP TABLE {table} AS ");
    transaction
        .execute(&format!("{create}{select}"), &[])
        .map_err(|e| explain_sql(&e, select, create.len()))?;
    Ok(())
}

/// Where names are looked up until the transaction ends.
fn look_in(transaction: &mut Transaction, path: &str) -> Result<()> {
    transaction
        .execute("SELECT set_config('search_path', $1, true)", &[&path])
        .map_err(failed)
        .map(drop)
}

fn by_numbers(transaction: &mut Transaction, select: &str) -> Result<()> {
    transaction.batch_execute(NUMBERS).map_err(failed)?;
    let path: String =
        transaction.query_one("SELECT current_setting('search_path')", &[]).map_err(failed)?.get(0);
    look_in(transaction, &format!("pg_temp, {path}"))?;
    create(transaction, "mobility_numbered", select)?;
    look_in(transaction, &path)?;
    transaction.batch_execute(TEXTS).map_err(failed)?;
    let found = columns(transaction, "mobility_numbered")?;
    let with = |id: &str| found.iter().any(|(name, _)| name == id);
    if !with("user_id") && !with("cell_id") {
        let rename = format!("ALTER TABLE pg_temp.mobility_numbered RENAME TO {COMPUTED}");
        return transaction.batch_execute(&rename).map_err(failed);
    }
    let columns: Vec<String> = found
        .iter()
        .map(|(name, _)| match name.as_str() {
            "user_id" => "u.user_id".to_owned(),
            "cell_id" => "c.cell_id".to_owned(),
            other => format!("n.{}", quoted(other)),
        })
        .collect();
    let mut texts = format!("SELECT {} FROM pg_temp.mobility_numbered n", columns.join(", "));
    if with("user_id") {
        texts.push_str(" LEFT JOIN mobility_user u ON u.user_no = n.user_id");
    }
    if with("cell_id") {
        texts.push_str(" LEFT JOIN mobility_cell c ON c.cell_no = n.cell_id");
    }
    transaction.batch_execute("ANALYZE pg_temp.mobility_numbered").map_err(failed)?;
    create(transaction, COMPUTED, &texts)?;
    transaction.batch_execute("DROP TABLE pg_temp.mobility_numbered").map_err(failed)
}
