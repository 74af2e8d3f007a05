//! Removes dates in one transaction: partitions, raw events, rows of the small tables, pseudonyms that
//! occur nowhere else, and the results of views, which are computed again from what is left. The
//! transaction ends with a search for what it was to remove.

use anyhow::{Result, bail};
use chrono::NaiveDate;
use postgres::{Client, Transaction};

use super::names::SchemaName;
use super::relations::exists;
use super::server_errors::failed;
use super::{partitions, recompute, schema, unused_users};
use crate::domain::tables::{Table, quoted};
use crate::progress::Progress;
use crate::warehouse::{ExpiredRows, Loaded};

/// Tables whose rows have dates and are not in partitions.
const DAILY: [Table; 4] = [Table::QualityDaily, Table::QualityCodes, Table::Segments, Table::Trips];
/// What the rows of segments and trips of a date were loaded from.
const MOVEMENT_DATES: &str = "mobility_movement_date";

/// What is left of the dates before `before`.
///
/// # Errors
/// Errors of the server.
pub fn expired(client: &mut Client, schema: &SchemaName, before: NaiveDate) -> Result<ExpiredRows> {
    let mut transaction = client.transaction().map_err(failed)?;
    expired_in(&mut transaction, schema, before)
}

fn expired_in(
    transaction: &mut Transaction,
    schema: &SchemaName,
    before: NaiveDate,
) -> Result<ExpiredRows> {
    let mut expired = ExpiredRows::default();
    let listed = schema.fill("SELECT date, row_count FROM {schema}.mobility_leaf WHERE date < $1");
    for row in transaction.query(&listed, &[&before]).map_err(failed)? {
        expired.dates.insert(row.get(0));
        expired.rows += u64::try_from(row.get::<_, i64>(1)).unwrap_or_default();
    }
    expired.dates.extend(
        date_tables(transaction, schema)?.into_iter().map(|(date, _)| date).filter(|d| *d < before),
    );
    let start = before.and_time(chrono::NaiveTime::MIN);
    let raw = schema.fill("SELECT count(*) FROM {schema}.mobility_event WHERE \"timestamp\" < $1");
    expired.rows += count(transaction, &raw, &[&start])?;
    for table in DAILY.map(Table::name) {
        if exists(transaction, schema, table)? {
            let table = schema.relation(table);
            let rows = format!("SELECT count(*) FROM {table} WHERE date < $1");
            expired.rows += count(transaction, &rows, &[&before])?;
        }
    }
    for (table, column, kind) in dated_results(transaction, schema)? {
        let rows = format!(
            "SELECT count(*) FROM {} WHERE {} < $1::date",
            schema.relation(&table),
            quoted(&column)
        );
        if kind == "date" || kind.starts_with("timestamp") {
            expired.rows += count(transaction, &rows, &[&before])?;
        }
    }
    Ok(expired)
}

fn count(
    transaction: &mut Transaction,
    sql: &str,
    parameters: &[&(dyn postgres::types::ToSql + Sync)],
) -> Result<u64> {
    let row = transaction.query_one(sql, parameters).map_err(failed)?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
}

/// The tables of single dates, with the dates in their names.
fn date_tables(
    transaction: &mut Transaction,
    schema: &SchemaName,
) -> Result<Vec<(NaiveDate, String)>> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') \
                 AND c.relname ~ '^mobility_presence_d[0-9]{8}$'";
    let mut tables = Vec::new();
    for row in transaction.query(sql, &[&schema.name()]).map_err(failed)? {
        let name: String = row.get(0);
        let digits = name.trim_start_matches("mobility_presence_d");
        if let Ok(date) = NaiveDate::parse_from_str(digits, "%Y%m%d") {
            tables.push((date, name));
        }
    }
    Ok(tables)
}

/// The tables of stored results, with their columns of dates and times and the types of these.
fn dated_results(
    transaction: &mut Transaction,
    schema: &SchemaName,
) -> Result<Vec<(String, String, String)>> {
    let sql = schema.fill(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL) \
         FROM {schema}.mobility_view v JOIN pg_class c ON c.relname = 'stored_' || v.view \
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE a.attname IN ('date', 'hour', 'first_seen', 'last_seen', 'timestamp')",
    );
    let rows = transaction.query(&sql, &[&schema.name()]).map_err(failed)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Removes the dates before `before`. Readers see the old rows until the transaction ends; only the last
/// step waits for them, to drop tables that they may be reading.
///
/// # Errors
/// Errors of the server; rows that are left. Nothing is changed then.
pub fn run(
    client: &mut Client,
    schema: &SchemaName,
    before: NaiveDate,
    progress: &Progress,
) -> Result<()> {
    schema::ensure(client, schema, progress)?;
    // also what interrupted and earlier loads left
    partitions::sweep(client, schema, progress)?;
    let mut transaction = client.transaction().map_err(failed)?;
    let start = before.and_time(chrono::NaiveTime::MIN);
    let gone = format!(
        "CREATE TEMP TABLE mobility_gone ON COMMIT DROP AS \
         SELECT DISTINCT user_no FROM {{schema}}.mobility_presence WHERE date < DATE '{before}'"
    );
    transaction.batch_execute(&schema.fill(&gone)).map_err(failed)?;
    // views read only partitions that this table lists
    transaction
        .execute(&schema.fill("DELETE FROM {schema}.mobility_leaf WHERE date < $1"), &[&before])
        .and_then(|_| {
            let raw = "WITH deleted AS ( \
                         DELETE FROM {schema}.mobility_event WHERE \"timestamp\" < $1 RETURNING user_no) \
                       INSERT INTO pg_temp.mobility_gone SELECT DISTINCT user_no FROM deleted";
            transaction.execute(&schema.fill(raw), &[&start])
        })
        .and_then(|_| {
            transaction.execute(
                &schema.fill(
                    "UPDATE {schema}.mobility_leaf f SET row_count = \
                       (SELECT count(*) FROM {schema}.mobility_event e WHERE e.leaf_no = f.leaf_no) \
                     WHERE f.kind = 'event'",
                ),
                &[],
            )
        })
        .map_err(failed)?;
    for table in DAILY.map(Table::name) {
        if exists(&mut transaction, schema, table)? {
            let delete = format!("DELETE FROM {} WHERE date < $1", schema.relation(table));
            transaction.execute(&delete, &[&before]).map_err(failed)?;
        }
    }
    if exists(&mut transaction, schema, MOVEMENT_DATES)? {
        let delete = format!("DELETE FROM {} WHERE date < $1", schema.relation(MOVEMENT_DATES));
        transaction.execute(&delete, &[&before]).map_err(failed)?;
    }
    let load_no = record_load(&mut transaction, schema, before)?;
    for warning in recompute::recompute_or_empty(&mut transaction, schema, load_no)? {
        progress.warn(&format!("purge: {warning}"));
    }
    unused_users::delete(&mut transaction, schema, Some(before))?;
    transaction.batch_execute("SET LOCAL lock_timeout = '60s'").map_err(failed)?;
    for (_, table) in
        date_tables(&mut transaction, schema)?.into_iter().filter(|(date, _)| *date < before)
    {
        transaction
            .batch_execute(&format!("DROP TABLE {}", schema.relation(&table)))
            .map_err(failed)?;
    }
    let left = expired_in(&mut transaction, schema, before)?;
    if !left.is_empty() {
        bail!("{} rows of dates before {before} are left; nothing was changed", left.rows);
    }
    transaction.commit().map_err(failed)?;
    vacuum(client, schema, progress)
}

/// Records a load without the removed rows, so that readers notice the change. Returns its number.
fn record_load(
    transaction: &mut Transaction,
    schema: &SchemaName,
    before: NaiveDate,
) -> Result<i64> {
    let row = transaction
        .query_one(&schema.fill("SELECT load_no, loaded FROM {schema}.mobility_load"), &[])
        .map_err(failed)?;
    let load_no = 1 + row.get::<_, i64>(0);
    let previous = row.get::<_, Option<String>>(1);
    let previous = previous.and_then(|text| serde_json::from_str::<Loaded>(&text).ok());
    let mut rows = previous.map(|loaded| loaded.rows).unwrap_or_default();
    let kinds =
        [("presence", Table::MobileEventsCompressed), ("event", Table::MobileEventsUncompressed)];
    for (kind, table) in kinds {
        let sum = "SELECT coalesce(sum(row_count), 0)::bigint FROM {schema}.mobility_leaf \
                   WHERE retired_by IS NULL AND kind = $1";
        let count = count(transaction, &schema.fill(sum), &[&kind])?;
        if rows.contains_key(table.name()) {
            rows.insert(table.name().to_owned(), count);
        }
    }
    for table in DAILY.map(Table::name) {
        if rows.contains_key(table) {
            let all = count(
                transaction,
                &format!("SELECT count(*) FROM {}", schema.relation(table)),
                &[],
            )?;
            rows.insert(table.to_owned(), all);
        }
    }
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let loaded = Loaded { fingerprint: format!("purged before {before}"), loaded_at, rows };
    let loaded = serde_json::to_string(&loaded)?;
    transaction
        .execute(
            &schema.fill("UPDATE {schema}.mobility_load SET load_no = $1, loaded = $2"),
            &[&load_no, &loaded],
        )
        .map_err(failed)?;
    Ok(load_no)
}

/// Removes the deleted rows from the files of the server. Another session that still sees them delays
/// that until the server's own vacuum, which is not an error.
fn vacuum(client: &mut Client, schema: &SchemaName, progress: &Progress) -> Result<()> {
    let mut tables: Vec<String> =
        ["mobility_user", "mobility_leaf", "mobility_event", "mobility_load"]
            .map(str::to_owned)
            .to_vec();
    let views = schema.fill("SELECT view FROM {schema}.mobility_view");
    for row in client.query(&views, &[]).map_err(failed)? {
        tables.push(format!("stored_{}", row.get::<_, String>(0)));
    }
    tables.extend(DAILY.map(|table| table.name().to_owned()));
    for table in tables {
        if let Err(error) = client.batch_execute(&format!("VACUUM {}", schema.relation(&table))) {
            progress.warn(&format!(
                "purge: the space of {table} is not free yet: {:#}; the server's own vacuum frees it",
                failed(error)
            ));
        }
    }
    Ok(())
}

/// True if there is anything to purge.
///
/// # Errors
/// Errors of the server.
pub fn is_loaded(client: &mut Client, schema: &SchemaName) -> Result<bool> {
    Ok(schema::find(client, schema)? != schema::SchemaState::Empty)
}
