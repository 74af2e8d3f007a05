//! Views: each with a stored result, under the name that every PostgreSQL client can ask for.
//!
//! `agg_events_per_hour` is a view over the table `stored_agg_events_per_hour`. A result is
//! replaced by deleting and inserting rows in one transaction: a reader sees the old rows or the
//! new ones and waits for nobody. A load computes all of them anew in the transaction that lets its
//! tables count, so that tables and views never tell of different loads.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use postgres::{Client, Transaction};

use super::compute_view::{COMPUTED, compute};
use super::query::order_list;
use super::schema::describe;
use super::server_errors::failed;
use crate::domain::tables::quoted;
use crate::views::{OrderBy, Registry, View};

/// A view as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub mark: String,
    pub load_no: i32,
    pub rows: u64,
}

fn stored_name(view: &str) -> String {
    format!("stored_{view}")
}

fn stored_table(view: &str) -> String {
    quoted(&stored_name(view))
}

/// What the server knows of a view; `None` where it has none of that name.
///
/// # Errors
/// A role that may not read `mobility_view`.
pub fn stored(client: &mut Client, view: &str) -> Result<Option<Stored>> {
    let row = client
        .query_opt("SELECT mark, load_no, row_count FROM mobility_view WHERE view = $1", &[&view])
        .map_err(failed)?;
    Ok(row.map(|r| Stored {
        mark: r.get(0),
        load_no: r.get(1),
        rows: u64::try_from(r.get::<_, i64>(2)).unwrap_or_default(),
    }))
}

/// The SELECT of a view without a semicolon at its end, which a cursor or table made from it would
/// not bear.
pub fn select_of(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';')
}

/// Computes a view and keeps the result; makes the view where it is not there yet.
///
/// # Errors
/// SQL that the server refuses, with file and line; a relation of that name which is not ours.
pub fn deploy(
    transaction: &mut Transaction,
    view: &View,
    place: usize,
    mark: &str,
    load_no: i32,
) -> Result<u64> {
    let known = transaction
        .query_opt("SELECT FROM mobility_view WHERE view = $1", &[&view.view])
        .map_err(failed)?
        .is_some();
    if !known && let Some(found) = describe(transaction, &view.view)? {
        bail!(
            "there is {found} already, which mobility did not make; rename it or the view, \
             or set warehouse.schema to a schema of its own"
        );
    }
    compute(transaction, &view.sql)?;
    let computed = columns(transaction, COMPUTED)?;
    let missing = view.order.iter().find(|o| computed.iter().all(|c| c.0 != o.column));
    if let Some(OrderBy { column, .. }) = missing {
        bail!(
            "the header orders by {column:?}, but the columns are {}",
            computed.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    if !known || columns(transaction, &stored_name(&view.view))? != computed {
        make(transaction, view, &computed)?;
    }
    let rows = keep(transaction, &view.view, &view.order)?;
    let place = i32::try_from(place).unwrap_or(i32::MAX);
    transaction
        .execute(
            "INSERT INTO mobility_view (view, place, mark, sql, load_no, row_count) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (view) DO UPDATE SET place = $2, mark = $3, \
             sql = $4, load_no = $5, row_count = $6",
            &[&view.view, &place, &mark, &view.sql, &load_no, &rows],
        )
        .map_err(failed)?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Names and types.
pub type Columns = Vec<(String, String)>;

/// Names and types of the columns of a relation of the schema or the session.
///
/// # Errors
/// What the server says.
pub fn columns(transaction: &mut Transaction, table: &str) -> Result<Columns> {
    let rows = transaction
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped \
             ORDER BY attnum",
            &[&table],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// Makes table and view for a result of these columns, in the place of any of other columns.
fn make(transaction: &mut Transaction, view: &View, columns: &Columns) -> Result<()> {
    let (name, table) = (quoted(&view.view), stored_table(&view.view));
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
    sql.push_str(&format!("CREATE VIEW {name} AS SELECT * FROM {table};"));
    transaction
        .batch_execute(&sql)
        .map_err(failed)
        .with_context(|| format!("view {} has other columns now", view.view))?;
    let comments = transaction
        .query_one(
            "SELECT format('COMMENT ON TABLE %I IS %L; COMMENT ON VIEW %I IS %L', \
               'stored_' || $1::text, 'mobility: the stored result of ' || $1, $1, \
               'mobility: ' || concat_ws('. ', $2::text, nullif($3::text, '')))",
            &[&view.view, &view.title, &view.description],
        )
        .map_err(failed)?;
    transaction.batch_execute(comments.get(0)).map_err(failed)
}

/// Puts the computed rows in the place of the stored ones.
fn keep(transaction: &mut Transaction, view: &str, order: &[OrderBy]) -> Result<i64> {
    let table = stored_table(view);
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

/// A load changed nothing: what answered from the last one answers from this one.
///
/// # Errors
/// What the server says.
pub fn confirm(transaction: &mut Transaction, load_no: i32) -> Result<()> {
    transaction
        .execute("UPDATE mobility_view SET load_no = $1 WHERE load_no = $1 - 1", &[&load_no])
        .map_err(failed)?;
    Ok(())
}

/// The views that a load computed anew.
#[derive(Debug, Default)]
pub struct Recomputed {
    pub done: Vec<(String, Duration)>,
    /// What kept a view from it.
    pub notes: Vec<String>,
}

/// Computes every view that is there from the tables as this transaction sees them. One that fails
/// keeps its old result and is named; it is stale and `views` says so with file and line.
///
/// # Errors
/// What the server says about anything else.
pub fn recompute(transaction: &mut Transaction, load_no: i32) -> Result<Recomputed> {
    let known = transaction
        .query("SELECT view, sql FROM mobility_view ORDER BY place", &[])
        .map_err(failed)?;
    let mut all = Recomputed::default();
    for row in known {
        let (view, sql): (String, String) = (row.get(0), row.get(1));
        let started = Instant::now();
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        match recompute_one(&mut attempt, &view, &sql, load_no) {
            Ok(()) => {
                attempt.commit().map_err(failed)?;
                all.done.push((view, started.elapsed()));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                all.notes.push(format!(
                    "view {view} cannot be computed from the new rows and still shows the old: {error:#}"
                ));
            }
        }
    }
    Ok(all)
}

fn recompute_one(transaction: &mut Transaction, view: &str, sql: &str, load_no: i32) -> Result<()> {
    compute(transaction, sql)?;
    if columns(transaction, &stored_name(view))? != columns(transaction, COMPUTED)? {
        return Err(anyhow!("its columns are others now; run `mobility views`"));
    }
    let order = order_of_index(transaction, view)?;
    let rows = keep(transaction, view, &order)?;
    transaction
        .execute(
            "UPDATE mobility_view SET load_no = $2, row_count = $3 WHERE view = $1",
            &[&view, &load_no, &rows],
        )
        .map_err(failed)?;
    Ok(())
}

/// The order in which a stored result is kept: that of its index.
fn order_of_index(transaction: &mut Transaction, view: &str) -> Result<Vec<OrderBy>> {
    let rows = transaction
        .query(
            "SELECT a.attname::text, i.indoption[k.n - 1] & 1 = 1 \
             FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, n) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             WHERE i.indrelid = to_regclass(quote_ident('stored_' || $1::text)) \
             ORDER BY i.indexrelid, k.n",
            &[&view],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| OrderBy { column: r.get(0), descending: r.get(1) }).collect())
}

/// Removes views whose file is gone. One that something else reads stays.
///
/// # Errors
/// What the server says about anything else.
pub fn remove_others(transaction: &mut Transaction, registry: &Registry) -> Result<Vec<String>> {
    let known = transaction
        .query("SELECT view FROM mobility_view ORDER BY place DESC", &[])
        .map_err(failed)?;
    let mut notes = Vec::new();
    for row in known {
        let view: String = row.get(0);
        if registry.by_sql_name(&view).is_some() {
            continue;
        }
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        let dropped = attempt.batch_execute(&format!(
            "DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}",
            quoted(&view),
            stored_table(&view)
        ));
        match dropped {
            Ok(()) => {
                attempt
                    .execute("DELETE FROM mobility_view WHERE view = $1", &[&view])
                    .map_err(failed)?;
                attempt.commit().map_err(failed)?;
                notes.push(format!("view {view} is gone, as its file is"));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                notes.push(format!(
                    "view {view} has no file any more but stays: {:#}",
                    failed(error)
                ));
            }
        }
    }
    Ok(notes)
}
