//! Computes views with Apache Spark, from the same SELECTs and over the same files as the other engines, for
//! both warehouses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{RecordBatch, RecordBatchIterator};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Rows;
use crate::config::{Config, Engine, Spark};
use crate::domain::numbers::counted;
use crate::domain::tables::Table;
use crate::progress::{Progress, StageBar};
use crate::spark::{Job, JobFolder, SparkPath, output_files, sql};
use crate::storage::atomic::create_folder;
use crate::views::{OrderBy, Registry, View};

/// The files of hourly presence.
const PRESENCE: (&str, &str) = ("presence", include_str!("../../sql/spark/views/presence.sql"));
/// Hourly presence as the two tables of the contract.
const TABLES: [(&str, &str); 2] = [
    (
        "mobile_events_compressed",
        include_str!("../../sql/spark/views/mobile_events_compressed.sql"),
    ),
    ("mobile_events_placed", include_str!("../../sql/spark/views/mobile_events_placed.sql")),
];
/// The tables of the stage `movement`.
const MOVEMENT: [(Table, &str); 2] = [
    (Table::Segments, include_str!("../../sql/spark/views/segments.sql")),
    (Table::Trips, include_str!("../../sql/spark/views/trips.sql")),
];
/// Tables that Spark does not read; views over them are left to the warehouse.
const NATIVE_TABLES: [Table; 2] = [Table::MobileEventsUncompressed, Table::Runs];

/// What computes views, by the config.
#[derive(Debug, Clone)]
pub struct ViewEngine {
    engine: Engine,
    spark: Spark,
    /// True if jobs of Spark work in an object store.
    in_store: bool,
}

impl ViewEngine {
    pub fn of(config: &Config) -> Self {
        ViewEngine {
            engine: config.engine,
            spark: config.spark.clone(),
            in_store: config.spark.staging(&config.data).is_some(),
        }
    }

    /// The settings of Spark, if it computes views.
    pub fn spark(&self) -> Option<&Spark> {
        (self.engine == Engine::Spark && !self.in_store).then_some(&self.spark)
    }

    /// Says why Spark computes no view although it is the engine; `other` is what computes them.
    pub fn note(&self, other: &str, progress: &Progress) {
        if self.engine == Engine::Spark && self.in_store {
            progress.note(&format!(
                "views: computed by {other}, since hourly presence is on this machine and the jobs of Spark are \
                 in an object store"
            ));
        }
    }
}

/// True if Spark can read all tables that a view reads, itself or through other views.
///
/// # Errors
/// A view that depends on itself.
pub fn can_be_read(views: &Registry, view: &View) -> Result<bool> {
    for table in NATIVE_TABLES {
        if views.reads(view, table.name())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Says which views over raw events or runs are left to `other`.
pub fn note_left_views(left: &[&View], other: &str, progress: &Progress) {
    if let Some(first) = left.first() {
        progress.note(&format!(
            "views: {} over raw events or runs, the first {}, not computed by Spark but by {other}",
            counted(left.len() as u64, "view"),
            first.view
        ));
    }
}

/// The files of the tables of the contract.
#[derive(Debug, Default)]
pub struct SparkTables {
    /// Hourly presence, in folders that are named by dates.
    pub presence: Vec<PathBuf>,
    /// Tables of the stage `movement`, likewise.
    pub movement: Vec<(Table, PathBuf)>,
    /// Tables that are a single file, as far as there are any.
    pub single: Vec<(Table, PathBuf)>,
}

/// A job that computes views.
pub struct ViewsJob {
    job: Job,
    folder: JobFolder,
    dated_files: Vec<PathBuf>,
}

impl ViewsJob {
    /// A job over tables whose files have been verified, but for [`ViewsJob::dated_files`]; its folder is in
    /// `parent`.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn over(tables: SparkTables, parent: &Path) -> Result<Self> {
        let folder = JobFolder::create(parent, None)?;
        let mut job = Job::default();
        let (name, template) = PRESENCE;
        let presence = dated_table(template, &tables.presence, folder.path())?;
        job.then(format!("reading {name}"), presence);
        for (name, template) in TABLES {
            job.then(format!("reading {name}"), sql::fill(template, &[])?);
        }
        let mut dated_files = tables.presence;
        for (table, template) in MOVEMENT {
            let of_table = tables.movement.iter().filter(|(of, _)| *of == table);
            let files: Vec<PathBuf> = of_table.map(|(_, path)| path.clone()).collect();
            let statement = dated_table(template, &files, folder.path())?;
            job.then(format!("reading {}", table.name()), statement);
            dated_files.extend(files);
        }
        for (table, path) in tables.single {
            let name = table.name();
            job.then(format!("reading {name}"), parquet_table(name, &[path])?);
        }
        Ok(ViewsJob { job, folder, dated_files })
    }

    /// The files of hourly presence and of the stage `movement`.
    pub fn dated_files(&self) -> &[PathBuf] {
        &self.dated_files
    }

    /// The folder of the job, which is removed with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the views that follow read the stored rows of a view.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn read(&mut self, view: &View, files: &[PathBuf]) -> Result<()> {
        self.job.then(format!("reading {}", view.view), parquet_table(&view.view, files)?);
        Ok(())
    }

    /// Computes a view, which the views that follow can read.
    pub fn compute(&mut self, view: &View) {
        let location = self.folder.shared().join(&view.view).literal();
        let name = sql::name(&view.view);
        self.job.then(
            format!("computing {}", view.place()),
            format!(
                "CREATE TABLE {name} USING parquet LOCATION {location} AS\n\
                 SELECT * FROM (\n{}\n){}",
                sql::with_own_types(&view.sql),
                order(&view.order)
            ),
        );
    }

    /// Runs the job.
    ///
    /// # Errors
    /// Errors of Spark, with the view and what Spark logged.
    pub fn run(&self, spark: &Spark, progress: &Progress, bar: &StageBar) -> Result<()> {
        self.job.run(spark, &self.folder, progress, bar).context(
            "computing views with Spark; --engine native, or engine = \"native\" in the configuration, computes \
             them without Spark",
        )
    }

    /// The rows of a view that the job has computed, in its order and with the columns of `schema`.
    ///
    /// # Errors
    /// A view without output of Spark.
    pub fn rows(&self, view: &str, schema: SchemaRef) -> Result<Rows> {
        // the files, sorted by name, are ranges of the order
        let files = output_files(&self.folder.fetch(view)?)?;
        let target = Arc::clone(&schema);
        let batches = files.into_iter().flat_map(move |file| batches(&file, Arc::clone(&target)));
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }
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

/// Parquet files as a table.
fn parquet_table(name: &str, files: &[PathBuf]) -> Result<String> {
    let files = files.iter().map(|file| SparkPath::local(file)).collect::<Result<Vec<_>>>()?;
    let path = sql::text(&SparkPath::glob_of(&files));
    let name = sql::name(name);
    Ok(format!("CREATE TEMPORARY VIEW {name} USING parquet OPTIONS (path {path})"))
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
