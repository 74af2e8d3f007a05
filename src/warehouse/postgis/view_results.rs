//! Stored results of views, which every PostgreSQL client can read under the name of the view.
//!
//! `agg_events_per_hour` is a view over the table `stored_agg_events_per_hour`. A result is replaced by
//! deleting and inserting rows in one transaction: a reader sees the old rows or the new ones and
//! never waits. A load recomputes all results in the transaction that activates its partitions, so
//! that tables and views always belong to the same load; of results that are stored by date, it
//! recomputes the dates that changed.

use anyhow::{Context, Result, bail};
use postgres::{Client, Transaction};

use super::compute_view::{COMPUTED, DATE_COLUMN, compute, compute_columns, prepare};
use super::daily_results;
use super::daily_results::DailyResult;
use super::grants::Grants;
use super::names::{SchemaName, result_table_name};
use super::query::{order_clause, order_list};
use super::relations::{ColumnTypes, column_types, describe, exists};
use super::server_errors::failed;
use crate::domain::tables::quoted;
use crate::views::{OrderBy, Registry, View};

/// What the server has stored about the result of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    pub fingerprint: String,
    pub load_no: i64,
    pub rows: u64,
}

/// The stored result of a view; `None` if there is none.
///
/// # Errors
/// A role that may not read `mobility_view`.
pub fn stored(
    client: &mut Client,
    schema: &SchemaName,
    view: &str,
) -> Result<Option<StoredResult>> {
    let sql = schema.fill(
        "SELECT mark, load_no::bigint, row_count FROM {schema}.mobility_view WHERE view = $1",
    );
    let row = client.query_opt(&sql, &[&view]).map_err(failed)?;
    Ok(row.map(|r| StoredResult {
        fingerprint: r.get(0),
        load_no: r.get(1),
        rows: u64::try_from(r.get::<_, i64>(2)).unwrap_or_default(),
    }))
}

/// A view to be computed and stored.
pub struct Deployment<'a> {
    pub view: &'a View,
    /// The place of the view in the order in which views are computed.
    pub position: usize,
    pub fingerprint: &'a str,
    pub load_no: i64,
    /// Compute all dates again, also those whose rows are current.
    pub refresh: bool,
    /// The views that the SQL reads, if it is computed date by date.
    pub sources: Option<&'a [String]>,
}

/// Computes a view and stores the result; creates the view if it does not exist yet.
///
/// # Errors
/// SQL that the server rejects, with the position in it; a foreign relation with the name of the view.
pub fn deploy(
    transaction: &mut Transaction,
    schema: &SchemaName,
    deployment: &Deployment,
) -> Result<u64> {
    let Deployment { view, fingerprint, load_no, sources, .. } = deployment;
    let exists = transaction
        .query_opt(
            &schema.fill("SELECT FROM {schema}.mobility_view WHERE view = $1"),
            &[&view.view],
        )
        .map_err(failed)?
        .is_some();
    if !exists && let Some(found) = describe(transaction, schema, &view.view)? {
        bail!(
            "the schema already contains {found}, which mobility did not make; rename it or the \
             view, or set warehouse.schema to a schema of its own"
        );
    }
    prepare(transaction, schema, &view.sql)?;
    match sources {
        Some(_) => compute_columns(transaction, schema, &view.sql)?,
        None => compute(transaction, schema, &view.sql, None)?,
    }
    let computed = column_types(transaction, None, COMPUTED)?;
    let missing = view.order.iter().find(|o| computed.iter().all(|c| c.0 != o.column));
    if let Some(OrderBy { column, .. }) = missing {
        bail!(
            "the header orders by {column:?}, but the columns are {}",
            computed.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    let by_date = sources.is_some();
    let table = schema.result_table(&view.view);
    let found = column_types(transaction, Some(schema), &result_table_name(&view.view))?;
    let is_as_needed = exists && found == stored_columns(&computed, by_date);
    if !is_as_needed || deployment.refresh {
        daily_results::forget(transaction, schema, &view.view)?;
    }
    if exists && found == stored_columns(&computed, !by_date) {
        daily_results::change_table(transaction, &table, by_date)?;
    } else if !is_as_needed {
        create(transaction, schema, view, &computed)?;
        if by_date {
            daily_results::change_table(transaction, &table, true)?;
        }
    } else if deployment.refresh {
        empty(transaction, schema, &view.view)?;
    }
    let position = i32::try_from(deployment.position).unwrap_or(i32::MAX);
    transaction
        .execute(
            &schema.fill(
                "INSERT INTO {schema}.mobility_view (view, place, mark, sql, load_no, row_count, by_date) \
                 VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (view) DO UPDATE SET place = $2, \
                 mark = $3, sql = $4, load_no = $5, by_date = $6",
            ),
            &[&view.view, &position, fingerprint, &view.sql, load_no, &by_date],
        )
        .map_err(failed)?;
    let rows = match sources {
        Some(sources) => {
            let result = DailyResult {
                view: &view.view,
                sql: &view.sql,
                fingerprint,
                table: &table,
                order: &view.order,
            };
            daily_results::update(transaction, schema, &result, sources)?
        }
        None => replace_rows(transaction, schema, &view.view, &view.order)?,
    };
    set_rows(transaction, schema, &view.view, *load_no, rows)?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// The columns of the table that stores a result with these columns.
pub fn stored_columns(computed: &ColumnTypes, by_date: bool) -> ColumnTypes {
    let date = by_date.then(|| (DATE_COLUMN.to_owned(), "date".to_owned()));
    computed.iter().cloned().chain(date).collect()
}

/// Records that the stored result has these rows and belongs to the load.
///
/// # Errors
/// Errors of the server.
pub fn set_rows(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    load_no: i64,
    rows: i64,
) -> Result<()> {
    let sql = "UPDATE {schema}.mobility_view SET load_no = $2, row_count = $3 WHERE view = $1";
    transaction.execute(&schema.fill(sql), &[&view, &load_no, &rows]).map_err(failed).map(drop)
}

/// Creates the table and the view for a result with these columns, in place of those with others, whose
/// grants they keep. New ones can be read by the roles that may read hourly presence.
fn create(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &View,
    columns: &ColumnTypes,
) -> Result<()> {
    let (name, table) = (schema.relation(&view.view), schema.result_table(&view.view));
    let mut grants = String::new();
    for (relation, sql_name) in
        [(result_table_name(&view.view), &table), (view.view.clone(), &name)]
    {
        let kept = match exists(transaction, schema, &relation)? {
            true => Grants::on(transaction, schema, &relation)?,
            false => Grants::of_readers(transaction, schema)?,
        };
        grants.push_str(&kept.statements(sql_name));
    }
    let text: Vec<String> = columns
        .iter()
        .filter(|c| c.1 == "text")
        .map(|c| format!("ALTER {} TYPE text COLLATE \"C\"", quoted(&c.0)))
        .collect();
    let mut sql = format!(
        "DROP VIEW IF EXISTS {name}; DROP TABLE IF EXISTS {table}; \
         CREATE TABLE {table} (LIKE pg_temp.mobility_computed);"
    );
    if !text.is_empty() {
        sql.push_str(&format!("ALTER TABLE {table} {};", text.join(", ")));
    }
    if !view.order.is_empty() {
        sql.push_str(&format!("CREATE INDEX ON {table} ({});", order_list(&view.order)));
    }
    let shown: Vec<String> = columns.iter().map(|(column, _)| quoted(column)).collect();
    sql.push_str(&format!(
        "CREATE VIEW {name} AS SELECT {} FROM {table}; {grants}",
        shown.join(", ")
    ));
    transaction
        .batch_execute(&sql)
        .map_err(failed)
        .with_context(|| format!("the columns of view {} have changed", view.view))?;
    let comments = transaction
        .query_one(
            "SELECT format('COMMENT ON TABLE %I.%I IS %L; COMMENT ON VIEW %1$I.%4$I IS %5$L', \
               $4::text, 'stored_' || $1::text, 'mobility: the stored result of ' || $1, $1, \
               'mobility: ' || concat_ws('. ', $2::text, nullif($3::text, '')))",
            &[&view.view, &view.title, &view.description, &schema.name()],
        )
        .map_err(failed)?;
    transaction.batch_execute(comments.get(0)).map_err(failed)
}

/// Replaces the stored rows by the computed ones; returns their number.
///
/// # Errors
/// Errors of the server.
pub fn replace_rows(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    order: &[OrderBy],
) -> Result<i64> {
    let table = schema.result_table(view);
    let order = order_clause(order);
    empty(transaction, schema, view)?;
    let rows = transaction
        .execute(
            &format!("INSERT INTO {table} SELECT * FROM pg_temp.mobility_computed{order}"),
            &[],
        )
        .map_err(failed)?;
    transaction
        .batch_execute(&format!("DROP TABLE pg_temp.mobility_computed; ANALYZE {table}"))
        .map_err(failed)?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Removes all stored rows.
///
/// # Errors
/// Errors of the server.
pub fn empty(transaction: &mut Transaction, schema: &SchemaName, view: &str) -> Result<()> {
    let delete = format!("DELETE FROM {}", schema.result_table(view));
    transaction.batch_execute(&delete).map_err(failed)
}

/// Drops the views whose file no longer exists, unless another relation depends on them. Returns one
/// message for each.
///
/// # Errors
/// All other errors of the server.
pub fn drop_removed(
    transaction: &mut Transaction,
    schema: &SchemaName,
    registry: &Registry,
) -> Result<Vec<String>> {
    let known = transaction
        .query(&schema.fill("SELECT view FROM {schema}.mobility_view ORDER BY place DESC"), &[])
        .map_err(failed)?;
    let mut warnings = Vec::new();
    for row in known {
        let view: String = row.get(0);
        if registry.by_sql_name(&view).is_some() {
            continue;
        }
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        let dropped = attempt.batch_execute(&format!(
            "DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}",
            schema.relation(&view),
            schema.result_table(&view)
        ));
        match dropped {
            Ok(()) => {
                attempt
                    .execute(
                        &schema.fill("DELETE FROM {schema}.mobility_view WHERE view = $1"),
                        &[&view],
                    )
                    .map_err(failed)?;
                attempt.commit().map_err(failed)?;
                warnings
                    .push(format!("view {view} was dropped, because its file no longer exists"));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                warnings.push(format!(
                    "view {view} has no file any more, but could not be dropped: {:#}",
                    failed(error)
                ));
            }
        }
    }
    Ok(warnings)
}
