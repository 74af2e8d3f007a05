//! Computes the rows of a view into a temporary table: unlike an INSERT, CREATE TABLE AS can run on
//! all cores.
//!
//! A view that only compares ids is computed on the numbers that stand for them. Meanwhile temporary
//! views hide the tables and show numbers in place of ids, so that the SQL of the view is unchanged.

use anyhow::Result;
use postgres::Transaction;

use super::cursor_rows::DECLARE;
use super::names::SchemaName;
use super::relations::column_types;
use super::search_path;
use super::server_errors::{explain_sql, failed};
use crate::domain::tables::quoted;
use crate::views::compares_ids_only;

/// The temporary table that a result is computed into.
pub const COMPUTED: &str = "mobility_computed";

/// Makes the temporary views of the tables with numbers in place of ids.
const IDS_AS_NUMBERS: &str = include_str!("../../../sql/postgis/ids_as_numbers.sql");
/// Drops them.
const DROP_IDS_AS_NUMBERS: &str = "DROP VIEW pg_temp.cell_plan, pg_temp.mobile_events_compressed, \
                                   pg_temp.mobile_events_placed, pg_temp.mobile_events_uncompressed";

/// The SELECT of a view without the semicolon at its end, which a cursor declaration or
/// CREATE TABLE AS would reject.
pub fn without_semicolon(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';')
}

/// Plans a SELECT without running it. DECLARE CURSOR accepts only a single statement, and none that
/// changes data.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
fn plan(transaction: &mut Transaction, select: &str) -> Result<()> {
    transaction
        .execute(&format!("{DECLARE}{select}"), &[])
        .map_err(|e| explain_sql(&e, select, DECLARE.len()))?;
    transaction.batch_execute("CLOSE mobility_rows").map_err(failed)
}

/// Computes a SELECT into [`COMPUTED`].
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn compute(transaction: &mut Transaction, schema: &SchemaName, sql: &str) -> Result<()> {
    let select = without_semicolon(sql);
    search_path::set(transaction, schema, select, false)?;
    plan(transaction, select)?;
    transaction.batch_execute("DROP TABLE IF EXISTS pg_temp.mobility_computed").map_err(failed)?;
    if compares_ids_only(select) {
        return compute_on_numbers(transaction, schema, select);
    }
    create_temporary(transaction, COMPUTED, select)?;
    search_path::reset(transaction)
}

fn create_temporary(transaction: &mut Transaction, table: &str, select: &str) -> Result<()> {
    let create = format!("CREATE TEMP TABLE {table} AS ");
    transaction
        .execute(&format!("{create}{select}"), &[])
        .map_err(|e| explain_sql(&e, select, create.len()))?;
    Ok(())
}

fn compute_on_numbers(
    transaction: &mut Transaction,
    schema: &SchemaName,
    select: &str,
) -> Result<()> {
    transaction.batch_execute(&schema.fill(IDS_AS_NUMBERS)).map_err(failed)?;
    search_path::set(transaction, schema, select, true)?;
    create_temporary(transaction, "mobility_numbered", select)?;
    search_path::reset(transaction)?;
    transaction.batch_execute(DROP_IDS_AS_NUMBERS).map_err(failed)?;
    let found = column_types(transaction, None, "mobility_numbered")?;
    let has = |id: &str| found.iter().any(|(name, _)| name == id);
    if !has("user_id") && !has("cell_id") {
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
    let mut with_ids = format!("SELECT {} FROM pg_temp.mobility_numbered n", columns.join(", "));
    if has("user_id") {
        let users = " LEFT JOIN {schema}.mobility_user u ON u.user_no = n.user_id";
        with_ids.push_str(&schema.fill(users));
    }
    if has("cell_id") {
        let cells = " LEFT JOIN {schema}.mobility_cell c ON c.cell_no = n.cell_id";
        with_ids.push_str(&schema.fill(cells));
    }
    transaction.batch_execute("ANALYZE pg_temp.mobility_numbered").map_err(failed)?;
    create_temporary(transaction, COMPUTED, &with_ids)?;
    transaction.batch_execute("DROP TABLE pg_temp.mobility_numbered").map_err(failed)
}
