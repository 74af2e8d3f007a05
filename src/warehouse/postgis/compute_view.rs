//! Computes the rows of a view into a temporary table: unlike an INSERT, CREATE TABLE AS can run on
//! all cores.
//!
//! A view that only compares ids is computed on the numbers that stand for them. Meanwhile temporary
//! views hide the tables and show numbers in place of ids, so that the SQL of the view is unchanged.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;

use super::cursor_rows::DECLARE;
use super::names::SchemaName;
use super::relations::column_types;
use super::search_path;
use super::server_errors::{explain_sql, failed};
use crate::domain::tables::{Table, quoted};
use crate::views::compares_ids_only;

/// The temporary table that a result is computed into.
pub const COMPUTED: &str = "mobility_computed";
/// The column of a stored result that is computed date by date: the date that a row belongs to.
pub const DATE_COLUMN: &str = "mobility_date";

/// Gives numbers to the cells of the plan that have none, because no event refers to them.
const NUMBER_CELLS: &str = "INSERT INTO {schema}.mobility_cell (cell_id) \
    SELECT DISTINCT p.cell_id FROM {schema}.cell_plan p \
    WHERE NOT EXISTS (SELECT FROM {schema}.mobility_cell c WHERE c.cell_id = p.cell_id) \
    ORDER BY p.cell_id ON CONFLICT DO NOTHING";
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

/// The date that a view is computed for.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    pub date: NaiveDate,
    /// The views that the SQL reads; their stored results have the column [`DATE_COLUMN`].
    pub views: &'a [String],
}

/// Checks a SELECT by planning it, and prepares the tables for computing it.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn prepare(transaction: &mut Transaction, schema: &SchemaName, sql: &str) -> Result<()> {
    let select = without_semicolon(sql);
    search_path::set(transaction, schema, select, false)?;
    plan(transaction, select)?;
    search_path::reset(transaction)?;
    if compares_ids_only(select) {
        transaction.batch_execute(&schema.fill(NUMBER_CELLS)).map_err(failed)?;
    }
    Ok(())
}

/// Computes a SELECT that was prepared into [`COMPUTED`], over the rows of all dates or of one.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn compute(
    transaction: &mut Transaction,
    schema: &SchemaName,
    sql: &str,
    day: Option<Day>,
) -> Result<()> {
    let select = without_semicolon(sql);
    transaction.batch_execute("DROP TABLE IF EXISTS pg_temp.mobility_computed").map_err(failed)?;
    if compares_ids_only(select) {
        return compute_on_numbers(transaction, schema, select, day.map(|day| day.date));
    }
    let hidden = match day {
        Some(day) => hide(transaction, schema, day)?,
        None => Vec::new(),
    };
    search_path::set(transaction, schema, select, day.is_some())?;
    create_temporary(transaction, COMPUTED, select)?;
    search_path::reset(transaction)?;
    show(transaction, &hidden)
}

/// Creates [`COMPUTED`] with the columns of a SELECT and without rows.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn compute_columns(
    transaction: &mut Transaction,
    schema: &SchemaName,
    sql: &str,
) -> Result<()> {
    let select = without_semicolon(sql);
    transaction.batch_execute("DROP TABLE IF EXISTS pg_temp.mobility_computed").map_err(failed)?;
    search_path::set(transaction, schema, select, false)?;
    create_temporary(transaction, COMPUTED, &format!("{select}\nWITH NO DATA"))?;
    search_path::reset(transaction)
}

/// Makes temporary views with the rows of one date, which hide the relations of the same names. Returns
/// these names.
fn hide(transaction: &mut Transaction, schema: &SchemaName, day: Day) -> Result<Vec<String>> {
    let mut sources = Vec::new();
    for table in [Table::MobileEventsCompressed, Table::MobileEventsPlaced] {
        sources.push((table.name().to_owned(), schema.table(table), "*".to_owned(), "date"));
    }
    for view in day.views {
        let columns: Vec<String> = column_types(transaction, Some(schema), view)?
            .iter()
            .map(|(name, _)| quoted(name))
            .collect();
        let stored = schema.result_table(view);
        sources.push((view.clone(), stored, columns.join(", "), DATE_COLUMN));
    }
    let mut hidden = Vec::new();
    for (name, relation, columns, date) in sources {
        let create = format!(
            "CREATE TEMP VIEW {} AS SELECT {columns} FROM {relation} WHERE {date} = DATE '{}'",
            quoted(&name),
            day.date
        );
        transaction.batch_execute(&create).map_err(failed)?;
        hidden.push(quoted(&name));
    }
    Ok(hidden)
}

/// Drops the temporary views that [`hide`] made.
fn show(transaction: &mut Transaction, hidden: &[String]) -> Result<()> {
    if hidden.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = hidden.iter().map(|name| format!("pg_temp.{name}")).collect();
    transaction.batch_execute(&format!("DROP VIEW {}", names.join(", "))).map_err(failed)
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
    date: Option<NaiveDate>,
) -> Result<()> {
    let of_date = date.map(|date| format!(" AND p.date = DATE '{date}'")).unwrap_or_default();
    let views = IDS_AS_NUMBERS.replace("{of_date}", &of_date);
    transaction.batch_execute(&schema.fill(&views)).map_err(failed)?;
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
