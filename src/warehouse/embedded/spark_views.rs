//! Computes views with Apache Spark, from the same SELECTs over the same files, and stores the results
//! like those of the native engine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{RecordBatch, RecordBatchIterator};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::rows::contract_schema;
use super::table_files::TableFile;
use super::versions::Version;
use super::view_results::Stored;
use super::{Embedded, session};
use crate::domain::numbers::counted;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::progress::{Progress, StageBar};
use crate::spark::{Job, JobFolder, SparkPath, output_files, sql};
use crate::storage::atomic::create_folder;
use crate::views::{OrderBy, View};
use crate::warehouse::Rows;

/// The files of hourly presence.
const PRESENCE: (&str, &str) = ("presence", include_str!("../../../sql/spark/views/presence.sql"));
/// Hourly presence as the two tables of the contract.
const TABLES: [(&str, &str); 2] = [
    (
        "mobile_events_compressed",
        include_str!("../../../sql/spark/views/mobile_events_compressed.sql"),
    ),
    ("mobile_events_placed", include_str!("../../../sql/spark/views/mobile_events_placed.sql")),
];
/// The tables of the stage `movement`.
const MOVEMENT: [(Table, &str); 2] = [
    (Table::Segments, include_str!("../../../sql/spark/views/segments.sql")),
    (Table::Trips, include_str!("../../../sql/spark/views/trips.sql")),
];
/// Tables that are a single file, which may be missing in a warehouse of an older version.
const FILES: [Table; 4] = [Table::CellPlan, Table::Lau, Table::QualityDaily, Table::QualityCodes];
/// Tables that Spark does not read; views over them are left to the native engine.
const NATIVE_TABLES: [Table; 2] = [Table::MobileEventsUncompressed, Table::Runs];

impl Embedded {
    /// Computes the missing results, or all if `refresh` is set, and returns the names of their views.
    /// Views over raw events or runs are left to the native engine.
    ///
    /// # Errors
    /// Errors of Spark; damaged files; results that cannot be stored.
    pub(super) fn results_by_spark(
        &self,
        version: &Version,
        refresh: bool,
        progress: &Progress,
        bar: &StageBar,
    ) -> Result<BTreeSet<String>> {
        let mut computed = Vec::new();
        let mut skipped = Vec::new();
        let mut job = Job::default();
        let results = self.store.results();
        let folder = JobFolder::create(&results, None)?;
        self.tables(version, folder.path(), &mut job)?;
        for view in self.views.in_dependency_order()? {
            let reads = NATIVE_TABLES.map(|table| self.views.reads(view, table.name()));
            if reads.into_iter().collect::<Result<Vec<_>>>()?.contains(&true) {
                skipped.push(view.view.as_str());
                continue;
            }
            let stored = self.stored(version, view)?.filter(|_| !refresh);
            if let Some(files) = stored.and_then(|stored| whole_files(&stored, view)) {
                job.then(format!("reading {}", view.view), table(&view.view, &files)?);
                continue;
            }
            let location = folder.shared().join(&view.view).literal();
            let name = sql::name(&view.view);
            job.then(
                format!("computing {}", view.place()),
                format!(
                    "CREATE TABLE {name} USING parquet LOCATION {location} AS\n\
                     SELECT * FROM (\n{}\n){}",
                    sql::with_own_types(&view.sql),
                    order(&view.order)
                ),
            );
            computed.push(view);
        }
        if let Some(first) = skipped.first() {
            progress.note(&format!(
                "views: {} over raw events or runs, the first {first}, not computed by Spark but by the native engine",
                counted(skipped.len() as u64, "view")
            ));
        }
        if computed.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut read: Vec<PathBuf> = paths(self.presence_files(version, None)?);
        for (table, _) in MOVEMENT {
            let files = self.movement_files(version, table, None)?;
            read.extend(files.into_iter().map(|file| file.path));
        }
        checksum::verify(read)?;
        job.run(&self.settings.spark, &folder, progress, bar)
            .context("computing views with Spark; --engine native computes them without Spark")?;
        for view in &computed {
            let rows = self.rows_from_spark(version, view, &folder.fetch(&view.view)?);
            self.store_whole(version, view, &results, rows.with_context(|| view.place())?)?;
        }
        Ok(computed.into_iter().map(|view| view.view.clone()).collect())
    }

    fn tables(&self, version: &Version, scratch: &Path, job: &mut Job) -> Result<()> {
        let (name, template) = PRESENCE;
        let presence = paths(self.presence_files(version, None)?);
        job.then(format!("reading {name}"), dated_table(template, &presence, scratch)?);
        for (name, template) in TABLES {
            job.then(format!("reading {name}"), sql::fill(template, &[])?);
        }
        for (table, template) in MOVEMENT {
            let files = self.movement_files(version, table, None)?;
            let files: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
            let statement = dated_table(template, &files, scratch)?;
            job.then(format!("reading {}", table.name()), statement);
        }
        let files = self.table_files(version)?;
        for single in FILES {
            self.ensure_table(version, single)?;
            if let Some(file) = files.table(single) {
                let name = single.name();
                job.then(format!("reading {name}"), table(name, std::slice::from_ref(&file.path))?);
            }
        }
        Ok(())
    }

    /// The rows that Spark wrote, in the types of the native engine.
    fn rows_from_spark(&self, version: &Version, view: &View, folder: &Path) -> Result<Rows> {
        let context = session::new(false);
        let frame = self.runtime.block_on(self.plan_view(&context, version, view, None))?;
        let schema = contract_schema(frame.schema().as_arrow());
        // the files, sorted by name, are ranges of the order
        let files = output_files(folder)?;
        let target = Arc::clone(&schema);
        let batches = files.into_iter().flat_map(move |file| batches(&file, Arc::clone(&target)));
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }
}

fn paths(files: Vec<(NaiveDate, TableFile)>) -> Vec<PathBuf> {
    files.into_iter().map(|(_, file)| file.path).collect()
}

/// Parquet files as a table with the columns of the template. The dates are in the names of their folders.
fn dated_table(template: &str, files: &[PathBuf], scratch: &Path) -> Result<String> {
    let base = match files.first().and_then(|file| file.ancestors().nth(2)) {
        Some(base) => SparkPath::local(base)?,
        None => {
            let none = scratch.join("none");
            create_folder(&none)?;
            SparkPath::local(&none)?
        }
    };
    let files = files.iter().map(|file| SparkPath::local(file)).collect::<Result<Vec<_>>>()?;
    let files = match files.as_slice() {
        [] => SparkPath::glob_of(std::slice::from_ref(&base)),
        files => SparkPath::glob_of(files),
    };
    sql::fill(template, &[("files", sql::text(&files)), ("base", base.literal())])
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

fn batches(file: &Path, schema: SchemaRef) -> Batches {
    let external = |error| ArrowError::ExternalError(Box::new(error));
    let opened = std::fs::File::open(file).map_err(ArrowError::from).and_then(|file| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build());
        reader.map_err(external)
    });
    match opened {
        Ok(reader) => Box::new(reader.map(move |batch| converted(&batch?, &schema))),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

fn converted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.num_columns() != schema.fields().len() {
        let message = "Spark returned other columns than the native engine";
        return Err(ArrowError::SchemaError(message.to_owned()));
    }
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<_>, _>>()?)
}

/// The files of a stored result that consist of its rows alone.
fn whole_files(stored: &Stored, view: &View) -> Option<Vec<PathBuf>> {
    let results = &stored.results;
    let files = results.current_files();
    let rows: Option<u64> = files.iter().map(|name| Some(results.files.get(name)?.rows)).sum();
    let folder = stored.folder.join(&view.view);
    (rows == Some(results.rows())).then(|| files.iter().map(|name| folder.join(name)).collect())
}

/// Parquet files as a table.
fn table(name: &str, files: &[PathBuf]) -> Result<String> {
    let files = files.iter().map(|file| SparkPath::local(file)).collect::<Result<Vec<_>>>()?;
    let path = sql::text(&SparkPath::glob_of(&files));
    let name = sql::name(name);
    Ok(format!("CREATE TEMPORARY VIEW {name} USING parquet OPTIONS (path {path})"))
}

/// Nulls come last in ascending and first in descending order, as in the other engines.
fn order(by: &[OrderBy]) -> String {
    let key = |by: &OrderBy| {
        let how = if by.descending { "DESC NULLS FIRST" } else { "ASC NULLS LAST" };
        format!("{} {how}", sql::name(&by.column))
    };
    match by {
        [] => String::new(),
        by => format!("\nORDER BY {}", by.iter().map(key).collect::<Vec<_>>().join(", ")),
    }
}
