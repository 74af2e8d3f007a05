//! What the server has recorded about the stored results of views, in the table `mobility_view`.

use anyhow::Result;
use postgres::{Client, GenericClient, Transaction};

use super::names::SchemaName;
use super::relations::column_types;
use super::server_errors::failed;
use crate::views::{Growth, Split};

const TABLES: &str = include_str!("../../../sql/postgis/period_results.sql");

/// How the result of a view is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Rows that are all replaced together.
    Whole,
    /// Rows by period, of which those that changed are replaced.
    Periods {
        growth: Growth,
        /// The column with the first date of the period; rows of other periods are left out.
        column: Option<String>,
        /// The view that names the windows that are read of other views.
        windows: Option<String>,
    },
    /// As [`Storage::Whole`]; others see the rows by period.
    Split(Split),
    /// One row for each different value of all columns but one, which holds a sum over all dates.
    Sums { column: String },
}

impl Storage {
    /// True if all rows are replaced together.
    pub fn is_whole(&self) -> bool {
        matches!(self, Storage::Whole | Storage::Split(_))
    }
}

/// A view with a stored result.
#[derive(Debug, Clone)]
pub struct StoredView {
    pub view: String,
    pub sql: String,
    /// Fingerprint of the SQL.
    pub fingerprint: String,
    /// The load that the rows belong to.
    pub load_no: i64,
    pub rows: i64,
    pub storage: Storage,
    /// The sort keys of the rows in SQL, or nothing.
    pub order: String,
    /// Fingerprint of everything that a result without periods was computed from; `None` if unknown.
    pub inputs: Option<String>,
    /// Time of the latest computation.
    pub seconds: f64,
}

impl StoredView {
    /// The number of rows.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.rows).unwrap_or_default()
    }
}

/// Creates what is missing to store results.
///
/// # Errors
/// Errors of the server.
pub fn ensure(client: &mut Client, schema: &SchemaName) -> Result<()> {
    let columns = column_types(client, Some(schema), "mobility_view")?;
    // the column that was added last
    if columns.iter().any(|(name, _)| name == "windows") {
        return Ok(());
    }
    let mut transaction = client.transaction().map_err(failed)?;
    transaction.batch_execute(&schema.fill(TABLES)).map_err(failed)?;
    super::plan_marks::store(&mut transaction, schema)?;
    transaction.commit().map_err(failed)
}

/// All views with a stored result, each after those that it reads.
///
/// # Errors
/// A role that may not read `mobility_view`.
pub fn all<C: GenericClient>(client: &mut C, schema: &SchemaName) -> Result<Vec<StoredView>> {
    let sql = "SELECT view, sql, mark, load_no, row_count, growth, period, accumulate, order_by, \
               inputs, seconds, is_split, windows FROM {schema}.mobility_view ORDER BY place";
    let rows = client.query(&schema.fill(sql), &[]).map_err(failed)?;
    rows.iter()
        .map(|row| {
            let growth: Option<String> = row.get(5);
            let storage = match (growth, row.get::<_, Option<String>>(7)) {
                (None, _) => Storage::Whole,
                (Some(_), Some(column)) => Storage::Sums { column },
                (Some(growth), None) => {
                    let (growth, column) = (Growth::parse(&growth)?, row.get(6));
                    match (row.get(11), column) {
                        (true, Some(column)) => Storage::Split(Split { unit: growth.unit, column }),
                        (_, column) => Storage::Periods { growth, column, windows: row.get(12) },
                    }
                }
            };
            Ok(StoredView {
                view: row.get(0),
                sql: row.get(1),
                fingerprint: row.get(2),
                load_no: row.get(3),
                rows: row.get(4),
                storage,
                order: row.get(8),
                inputs: row.get(9),
                seconds: row.get::<_, Option<f64>>(10).unwrap_or_default(),
            })
        })
        .collect()
}

/// Records a view whose rows are about to be computed; `position` is its place in the order of
/// computation.
///
/// # Errors
/// Errors of the server.
pub fn record(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &StoredView,
    position: usize,
) -> Result<()> {
    let position = i32::try_from(position).unwrap_or(i32::MAX);
    let (growth, period, sum, windows) = match &view.storage {
        Storage::Whole => (None, None, None, None),
        Storage::Periods { growth, column, windows } => {
            (Some(*growth), column.as_ref(), None, windows.as_ref())
        }
        Storage::Split(split) => (Some(Growth::by(split.unit)), Some(&split.column), None, None),
        Storage::Sums { column } => (Some(Growth::BY_DATE), None, Some(column), None),
    };
    let growth = growth.map(|growth| growth.to_string());
    let is_split = matches!(view.storage, Storage::Split(_));
    let sql = "INSERT INTO {schema}.mobility_view (view, place, mark, sql, load_no, row_count, growth, period, \
                 accumulate, order_by, is_split, windows) \
               VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (view) DO UPDATE SET place = $2, mark = $3, sql = $4, load_no = $5, growth = $6, \
                 period = $7, accumulate = $8, order_by = $9, is_split = $10, windows = $11";
    transaction
        .execute(
            &schema.fill(sql),
            &[
                &view.view,
                &position,
                &view.fingerprint,
                &view.sql,
                &view.load_no,
                &growth,
                &period,
                &sum,
                &view.order,
                &is_split,
                &windows,
            ],
        )
        .map_err(failed)
        .map(drop)
}

/// Records load, rows, inputs and time of a view whose rows have been computed.
///
/// # Errors
/// Errors of the server.
pub fn set_computed(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &StoredView,
) -> Result<()> {
    let sql = "UPDATE {schema}.mobility_view SET load_no = $2, row_count = $3, inputs = $4, seconds = $5 \
               WHERE view = $1";
    transaction
        .execute(
            &schema.fill(sql),
            &[&view.view, &view.load_no, &view.rows, &view.inputs, &view.seconds],
        )
        .map_err(failed)
        .map(drop)
}

/// Records that the stored result of a view has no rows and belongs to no load.
///
/// # Errors
/// Errors of the server.
pub fn set_empty(transaction: &mut Transaction, schema: &SchemaName, view: &str) -> Result<()> {
    let sql = "UPDATE {schema}.mobility_view SET load_no = -1, row_count = 0, inputs = NULL WHERE view = $1";
    transaction.execute(&schema.fill(sql), &[&view]).map_err(failed).map(drop)
}
