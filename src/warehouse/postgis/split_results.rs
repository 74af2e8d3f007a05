//! Results that are stored as a whole and that others see by period: `mobility_view_date` has fingerprints of the
//! rows of each period.

use anyhow::Result;
use postgres::Transaction;

use super::inputs::Inputs;
use super::named_windows;
use super::names::SchemaName;
use super::period_results::forget;
use super::server_errors::failed;
use crate::domain::tables::quoted;
use crate::views::Split;

/// Records the periods of a result that has been stored.
///
/// # Errors
/// Errors of the server.
pub fn remember(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    (view, split): (&str, &Split),
) -> Result<()> {
    forget(transaction, schema, view)?;
    let insert = schema.fill(
        "INSERT INTO {schema}.mobility_view_date (view, date, mark, row_count) \
         SELECT $1::text, START, md5(string_agg(md5(s::text), '' ORDER BY md5(s::text))), count(*) \
         FROM TABLE s WHERE START IS NOT NULL GROUP BY START RETURNING date, mark",
    );
    let start = format!("s.{}", quoted(&split.column));
    let insert = insert.replace("START", &start).replace("TABLE", &schema.result_table(view));
    let rows = transaction.query(&insert, &[&view]).map_err(failed)?;
    *inputs.periods(view) = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let windows = named_windows::read(transaction, schema, inputs.columns(view), (view, split))?;
    inputs.set_windows(view, windows);
    Ok(())
}
