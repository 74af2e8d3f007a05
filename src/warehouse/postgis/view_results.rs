//! Stored results of views, which every PostgreSQL client can read under the name of the view.
//!
//! `agg_events_per_hour` is a view over the table `stored_agg_events_per_hour`. A result is replaced by
//! deleting and inserting rows in one transaction: a reader sees the old rows or the new ones and
//! never waits. A load recomputes all results in the transaction that activates its partitions, so
//! that tables and views always belong to the same load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use postgres::{Client, Transaction};

use super::compute_view::{COMPUTED, compute};
use super::grants::Grants;
use super::names::SchemaName;
use super::query::order_list;
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

fn result_table_name(view: &str) -> String {
    format!("stored_{view}")
}

fn result_table(schema: &SchemaName, view: &str) -> String {
    schema.relation(&result_table_name(view))
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

/// Computes a view and stores the result; creates the view if it does not exist yet. `position` is the
/// place of the view in the order in which views are computed.
///
/// # Errors
/// SQL that the server rejects, with the position in it; a foreign relation with the name of the view.
pub fn deploy(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &View,
    position: usize,
    fingerprint: &str,
    load_no: i64,
) -> Result<u64> {
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
    compute(transaction, schema, &view.sql)?;
    let computed = column_types(transaction, None, COMPUTED)?;
    let missing = view.order.iter().find(|o| computed.iter().all(|c| c.0 != o.column));
    if let Some(OrderBy { column, .. }) = missing {
        bail!(
            "the header orders by {column:?}, but the columns are {}",
            computed.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    if !exists
        || column_types(transaction, Some(schema), &result_table_name(&view.view))? != computed
    {
        create(transaction, schema, view, &computed)?;
    }
    let rows = replace_rows(transaction, schema, &view.view, &view.order)?;
    let position = i32::try_from(position).unwrap_or(i32::MAX);
    transaction
        .execute(
            &schema.fill(
                "INSERT INTO {schema}.mobility_view (view, place, mark, sql, load_no, row_count) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (view) DO UPDATE SET place = $2, \
                 mark = $3, sql = $4, load_no = $5, row_count = $6",
            ),
            &[&view.view, &position, &fingerprint, &view.sql, &load_no, &rows],
        )
        .map_err(failed)?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Creates the table and the view for a result with these columns, in place of those with others, whose
/// grants they keep. New ones can be read by the roles that may read hourly presence.
fn create(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &View,
    columns: &ColumnTypes,
) -> Result<()> {
    let (name, table) = (schema.relation(&view.view), result_table(schema, &view.view));
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
    sql.push_str(&format!("CREATE VIEW {name} AS SELECT * FROM {table}; {grants}"));
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
fn replace_rows(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    order: &[OrderBy],
) -> Result<i64> {
    let table = result_table(schema, view);
    let order = match order.is_empty() {
        true => String::new(),
        false => format!(" ORDER BY {}", order_list(order)),
    };
    transaction.batch_execute(&format!("DELETE FROM {table}")).map_err(failed)?;
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

/// Marks the results of the previous load as results of this load, which changed nothing.
///
/// # Errors
/// Errors of the server.
pub fn confirm(transaction: &mut Transaction, schema: &SchemaName, load_no: i64) -> Result<()> {
    transaction
        .execute(
            &schema.fill(
                "UPDATE {schema}.mobility_view SET load_no = $1 WHERE load_no = $1::bigint - 1",
            ),
            &[&load_no],
        )
        .map_err(failed)?;
    Ok(())
}

/// The views that a load recomputed.
#[derive(Debug, Default)]
pub struct Recomputed {
    pub elapsed: Vec<(String, Duration)>,
    /// One message for each view that failed.
    pub warnings: Vec<String>,
}

/// Recomputes every stored view from the tables as this transaction sees them. A view that fails keeps
/// its old result, which is outdated, and is reported; `mobility views` then reports file and line.
///
/// # Errors
/// All other errors of the server.
pub fn recompute(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
) -> Result<Recomputed> {
    let known = transaction
        .query(&schema.fill("SELECT view, sql FROM {schema}.mobility_view ORDER BY place"), &[])
        .map_err(failed)?;
    let mut all = Recomputed::default();
    for row in known {
        let (view, sql): (String, String) = (row.get(0), row.get(1));
        let started = Instant::now();
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        match recompute_one(&mut attempt, schema, &view, &sql, load_no) {
            Ok(()) => {
                attempt.commit().map_err(failed)?;
                all.elapsed.push((view, started.elapsed()));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                all.warnings.push(format!(
                    "view {view} could not be recomputed and still shows the old rows: {error:#}"
                ));
            }
        }
    }
    Ok(all)
}

/// Recomputes every stored view as [`recompute`] does, and removes the rows of those that fail, which must
/// not be kept. Returns one message for each of these.
///
/// # Errors
/// All other errors of the server.
pub fn recompute_or_empty(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
) -> Result<Vec<String>> {
    let recomputed = recompute(transaction, schema, load_no)?;
    let outdated = schema.fill("SELECT view FROM {schema}.mobility_view WHERE load_no <> $1");
    for row in transaction.query(&outdated, &[&load_no]).map_err(failed)? {
        let table = result_table(schema, row.get(0));
        transaction.batch_execute(&format!("DELETE FROM {table}")).map_err(failed)?;
    }
    let emptied = |warning: String| warning.replace("still shows the old rows", "is empty now");
    Ok(recomputed.warnings.into_iter().map(emptied).collect())
}

fn recompute_one(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    sql: &str,
    load_no: i64,
) -> Result<()> {
    compute(transaction, schema, sql)?;
    if column_types(transaction, Some(schema), &result_table_name(view))?
        != column_types(transaction, None, COMPUTED)?
    {
        return Err(anyhow!("its columns have changed; run `mobility views`"));
    }
    let order = order_of_index(transaction, schema, view)?;
    let rows = replace_rows(transaction, schema, view, &order)?;
    transaction
        .execute(
            &schema.fill(
                "UPDATE {schema}.mobility_view SET load_no = $2, row_count = $3 WHERE view = $1",
            ),
            &[&view, &load_no, &rows],
        )
        .map_err(failed)?;
    Ok(())
}

/// The order of a stored result, which is that of its index.
fn order_of_index(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
) -> Result<Vec<OrderBy>> {
    let rows = transaction
        .query(
            "SELECT a.attname::text, i.indoption[k.n - 1] & 1 = 1 \
             FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, n) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2 \
             ORDER BY i.indexrelid, k.n",
            &[&schema.name(), &result_table_name(view)],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| OrderBy { column: r.get(0), descending: r.get(1) }).collect())
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
            result_table(schema, &view)
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
