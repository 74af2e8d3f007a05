//! Ranges of rows of Parquet files as a DataFusion table. The files and the days of their rows are known from
//! lists, so that planning opens no file, and a query with a filter by day opens only those that it needs.

use std::borrow::Cow;
use std::path::{Component, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::parquet_files::Range;
use super::pruning::days_within;
use crate::formats::parquet::checksum;

/// A range of rows of a file.
#[derive(Debug, Clone)]
pub struct Part {
    pub path: Arc<PathBuf>,
    /// Size of the file.
    pub bytes: u64,
    /// Rows of the file.
    pub file_rows: u64,
    pub range: Range,
    /// The value of the column `date`, which the files lack; days since 1970.
    pub date: Option<i32>,
}

/// Parts of files, in order, as a table.
#[derive(Debug)]
pub struct FilesTable {
    columns: TableSchema,
    parts: Vec<Part>,
    /// The column with the days of the ranges.
    day: Option<String>,
    /// Verify the checksums of the files that are read.
    verified: bool,
}

impl FilesTable {
    /// A table over files with these columns. With `dated`, the table has a column `date` after them.
    pub fn new(columns: SchemaRef, dated: bool, parts: Vec<Part>, day: Option<String>) -> Self {
        let date = Arc::new(Field::new("date", DataType::Date32, true));
        let dates = if dated { vec![date] } else { Vec::new() };
        let columns = TableSchema::builder(columns).with_table_partition_cols(dates).build();
        FilesTable { columns, parts, day, verified: false }
    }

    /// The same table, which verifies the checksums of the files that it reads.
    pub fn verified(self) -> Self {
        FilesTable { verified: true, ..self }
    }

    /// The parts that may have rows for which the filters hold.
    fn chosen(&self, filters: &[Expr]) -> Vec<&Part> {
        let days = self.day.as_ref().map(|day| days_within(filters, day));
        let may_match = |part: &&Part| match (days, part.range.days) {
            (Some((from, to)), Some((first, last))) => first <= to && last >= from,
            _ => true,
        };
        self.parts.iter().filter(|part| part.range.rows > 0).filter(may_match).collect()
    }

    /// Numbers of rows and dates, so that joins build their tables from the smaller side. As estimates, they are
    /// never the answer to a query.
    fn statistics(&self, parts: &[&Part]) -> Statistics {
        let estimate =
            |number: u64| usize::try_from(number).map_or(Precision::Absent, Precision::Inexact);
        let schema = self.columns.table_schema();
        let mut statistics = Statistics::new_unknown(schema);
        statistics.num_rows = estimate(parts.iter().map(|part| part.range.rows).sum::<u64>());
        let day = self.day.as_deref().and_then(|day| schema.column_with_name(day));
        if let Some((index, field)) = day
            && *field.data_type() == DataType::Date32
        {
            let days = parts.iter().filter_map(|part| part.range.days);
            let days = days.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            let days = days.map(|(first, last)| i64::from(last) - i64::from(first) + 1);
            statistics.column_statistics[index].distinct_count =
                days.and_then(|days| u64::try_from(days).ok()).map_or(Precision::Absent, estimate);
        }
        statistics
    }

    /// The configuration of a scan; `None` if no file has to be read.
    ///
    /// # Errors
    /// A path that the engine cannot name; a damaged file.
    pub async fn configuration(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Option<FileScanConfig>> {
        let parts = self.chosen(filters);
        if parts.is_empty() {
            return Ok(None);
        }
        if self.verified {
            let verified = checksum::verify(parts.iter().map(|part| part.path.as_path()));
            verified.map_err(|error| DataFusionError::Execution(format!("{error:#}")))?;
        }
        let same_file = |a: &&Part, b: &&Part| {
            a.path == b.path && a.range.start + a.range.rows <= b.range.start
        };
        let files = parts.chunk_by(same_file).map(file).collect::<Result<Vec<_>>>()?;
        let statistics = self.statistics(&parts);
        let partitions = state.config().target_partitions().clamp(1, files.len());
        let length = files.len().div_ceil(partitions);
        let groups = files.chunks(length).map(|files| FileGroup::new(files.to_vec())).collect();
        let source = Arc::new(ParquetSource::new(self.columns.clone()));
        // filters are evaluated above the scan, so that a limit on its rows would come too early
        let limit = limit.filter(|_| filters.is_empty());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_statistics(statistics)
            .build();
        Ok(Some(config))
    }

    /// The plan of a scan that was configured.
    ///
    /// # Errors
    /// Errors of the engine.
    pub async fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        config: Option<FileScanConfig>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match config {
            Some(config) => ParquetFormat::new().create_physical_plan(state, config).await,
            None => {
                let schema = self.schema();
                let schema: Schema = match projection {
                    Some(indices) => schema.project(indices)?,
                    None => schema.as_ref().clone(),
                };
                Ok(Arc::new(EmptyExec::new(Arc::new(schema))))
            }
        }
    }
}

/// A file of which the rows of consecutive parts are read.
fn file(parts: &[&Part]) -> Result<PartitionedFile> {
    let first = parts[0];
    let path = without_parents(&first.path);
    let location = Path::from_absolute_path(path.as_ref())
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let meta = ObjectMeta {
        location,
        // a file is never changed
        last_modified: Default::default(),
        size: first.bytes,
        e_tag: None,
        version: None,
    };
    let mut file = PartitionedFile::new_from_meta(meta);
    if let Some(date) = first.date {
        file = file.with_partition_values(vec![ScalarValue::Date32(Some(date))]);
    }
    let rows: u64 = parts.iter().map(|part| part.range.rows).sum();
    if rows == first.file_rows {
        return Ok(file);
    }
    let count = |rows: u64| {
        usize::try_from(rows).map_err(|error| DataFusionError::External(Box::new(error)))
    };
    let (mut selectors, mut at) = (Vec::new(), 0);
    for Range { start, rows, .. } in parts.iter().map(|part| part.range) {
        selectors.push(RowSelector::skip(count(start - at)?));
        selectors.push(RowSelector::select(count(rows)?));
        at = start + rows;
    }
    selectors.push(RowSelector::skip(count(first.file_rows - at)?));
    Ok(file.with_extension(ParquetRowSelection::new(RowSelection::from(selectors))))
}

/// The path without `..`, which the engine refuses in the name of a file.
fn without_parents(path: &std::path::Path) -> Cow<'_, std::path::Path> {
    if !path.components().any(|part| part == Component::ParentDir) {
        return Cow::Borrowed(path);
    }
    // a file that is missing is reported where it is opened
    path.canonicalize().map_or(Cow::Borrowed(path), Cow::Owned)
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let config = self.configuration(state, projection, filters, limit).await?;
        self.plan(state, projection, config).await
    }
}
