//! The tables `segments` and `trips`: replaces the rows of the dates that changed, within the transaction of a
//! load.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Date32Array, RecordBatch, RecordBatchIterator};
use arrow::error::ArrowError;
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use postgres::{Client, GenericClient, Transaction};

use super::copy_rows::copy_rows;
use super::names::SchemaName;
use super::relations::exists;
use super::server_errors::failed;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::warehouse::{DatedFile, Rows};

/// The table with what the rows of each date were loaded from.
const DATES: &str = "mobility_movement_date";

/// Created once, after the tables themselves.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS {schema}.mobility_movement_date ( \
       relation text COLLATE \"C\", date date, mark text NOT NULL, row_count bigint NOT NULL, \
       PRIMARY KEY (relation, date)); \
     COMMENT ON TABLE {schema}.mobility_movement_date IS \
       'mobility: fingerprints of the rows of segments and trips by date'; \
     CREATE INDEX IF NOT EXISTS mobility_segments_date ON {schema}.segments (date); \
     CREATE INDEX IF NOT EXISTS mobility_trips_date ON {schema}.trips (date);";

/// From a small sample: the tables have the rows of all dates, whose number is not to matter, and what the views
/// read of them is a few dates.
const ANALYZE: &str = "SET LOCAL default_statistics_target = 10; ANALYZE {tables}; \
                       RESET default_statistics_target";

/// Creates what is missing.
///
/// # Errors
/// Errors of the server.
pub fn ensure(client: &mut Client, schema: &SchemaName) -> Result<()> {
    if exists(client, schema, DATES)? {
        return Ok(());
    }
    client.batch_execute(&schema.fill(TABLES)).map_err(failed)
}

/// For each date, the fingerprints of its rows in both tables.
///
/// # Errors
/// Errors of the server.
pub fn fingerprints<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
) -> Result<BTreeMap<NaiveDate, String>> {
    let mut marks: BTreeMap<NaiveDate, String> = BTreeMap::new();
    if exists(client, schema, DATES)? {
        let sql = "SELECT date, relation, mark FROM {schema}.mobility_movement_date \
                   ORDER BY date, relation";
        for row in client.query(&schema.fill(sql), &[]).map_err(failed)? {
            let (relation, mark): (String, String) = (row.get(1), row.get(2));
            *marks.entry(row.get(0)).or_default() += &line(&relation, &mark);
        }
    }
    Ok(marks)
}

/// What [`fingerprints`] returns after a load of the files.
pub fn fingerprints_of(files: &[DatedFile]) -> BTreeMap<NaiveDate, String> {
    let mut tables: BTreeMap<(NaiveDate, &str), Vec<&DatedFile>> = BTreeMap::new();
    for file in files {
        tables.entry((file.date, file.table.name())).or_default().push(file);
    }
    let mut marks: BTreeMap<NaiveDate, String> = BTreeMap::new();
    for ((date, relation), files) in &tables {
        *marks.entry(*date).or_default() += &line(relation, &fingerprint(files));
    }
    marks
}

fn line(relation: &str, mark: &str) -> String {
    format!("{relation} {mark}\n")
}

/// Makes the rows of both tables those of the files; returns the numbers of rows of the tables that have any, and
/// whether anything changed.
///
/// # Errors
/// Damaged files; errors of the server.
pub fn replace(
    transaction: &mut Transaction,
    schema: &SchemaName,
    files: &[DatedFile],
) -> Result<(BTreeMap<String, u64>, bool)> {
    let mut wanted: BTreeMap<(&str, NaiveDate), Vec<&DatedFile>> = BTreeMap::new();
    for file in files {
        wanted.entry((file.table.name(), file.date)).or_default().push(file);
    }
    let mut rows = BTreeMap::new();
    for ((name, _), files) in &wanted {
        let of_date: u64 = files.iter().map(|file| file.listed.rows).sum();
        *rows.entry((*name).to_owned()).or_default() += of_date;
    }
    let (mut changed, mut copied) = (false, 0);
    let sql = "SELECT relation, date, mark FROM {schema}.mobility_movement_date";
    for row in transaction.query(&schema.fill(sql), &[]).map_err(failed)? {
        let (relation, date, mark): (String, NaiveDate, String) =
            (row.get(0), row.get(1), row.get(2));
        let Some(table) = Table::MOVEMENT.into_iter().find(|table| table.name() == relation) else {
            continue;
        };
        let key = (table.name(), date);
        if wanted.get(&key).is_some_and(|files| fingerprint(files) == mark) {
            wanted.remove(&key);
            continue;
        }
        changed = true;
        let delete = format!("DELETE FROM {} WHERE date = $1", schema.table(table));
        transaction.execute(&delete, &[&date]).map_err(failed)?;
        let delete =
            "DELETE FROM {schema}.mobility_movement_date WHERE relation = $1 AND date = $2";
        transaction.execute(&schema.fill(delete), &[&relation, &date]).map_err(failed)?;
    }
    for ((name, date), files) in &wanted {
        changed = true;
        checksum::verify(files.iter().map(|file| &file.path))?;
        let mut count = 0;
        for file in files {
            count += copy(transaction, schema, file)?;
        }
        let insert = "INSERT INTO {schema}.mobility_movement_date (relation, date, mark, row_count) \
                      VALUES ($1, $2, $3, $4)";
        copied += count;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        transaction
            .execute(&schema.fill(insert), &[name, date, &fingerprint(files), &count])
            .map_err(failed)?;
    }
    // statistics of tables that have hardly changed are still right, and the server renews them by itself at times
    if copied.saturating_mul(10) >= rows.values().sum() && !wanted.is_empty() {
        let tables = Table::MOVEMENT.map(|table| schema.table(table)).join(", ");
        transaction.batch_execute(&ANALYZE.replace("{tables}", &tables)).map_err(failed)?;
    }
    Ok((rows, changed))
}

fn fingerprint(files: &[&DatedFile]) -> String {
    let sum = |file: &&DatedFile| format!("{}-{}", file.listed.checksum, file.listed.bytes);
    files.iter().map(sum).collect::<Vec<_>>().join(" ")
}

/// Copies the rows of a file; returns their number.
fn copy(transaction: &mut Transaction, schema: &SchemaName, file: &DatedFile) -> Result<u64> {
    let remedy =
        || format!("{}; recreate it with `mobility movement --force`", file.path.display());
    let columns = file.table.schema();
    let names: Vec<String> = columns.fields().iter().map(|field| field.name().clone()).collect();
    let rows = rows_of(file).with_context(remedy)?;
    match copy_rows(transaction, &schema.table(file.table), &names, rows).with_context(remedy)? {
        Some(rows) => Ok(rows),
        None => bail!("{} has other columns than {}", schema.table(file.table), file.table.name()),
    }
}

/// The rows of a file with the column `date`, which it lacks.
fn rows_of(file: &DatedFile) -> Result<Rows> {
    let schema = file.table.schema();
    let at = schema.index_of("date")?;
    let day = file.date.to_epoch_days();
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file.path)?)?.build()?;
    let columns = Arc::clone(&schema);
    let with_date = move |batch: Result<RecordBatch, ArrowError>| {
        let batch = batch?;
        let mut all = batch.columns().to_vec();
        all.insert(at, Arc::new(Date32Array::from_value(day, batch.num_rows())));
        RecordBatch::try_new(Arc::clone(&columns), all)
    };
    Ok(Box::new(RecordBatchIterator::new(reader.map(with_date), schema)))
}
