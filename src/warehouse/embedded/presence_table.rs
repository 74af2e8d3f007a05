//! Hourly presence as a DataFusion table: files with disjoint ranges of users are partitions by user.
//!
//! The files of one date hold disjoint ranges of users, sorted by user, hour and cell. With this known
//! to the planner, a GROUP BY over users needs no repartitioning, and aggregates one user at a time
//! instead of keeping all users in memory. If ranges overlap (several dates, or files of another
//! program), the files are scanned without partitioning. Only the footers of a single date are read for this.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, SplitPoint, stats::Precision};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, Partitioning, RangePartitioning};
use datafusion::physical_plan::ExecutionPlan;

use super::files_table::FilesTable;

/// Name and index of the column whose ranges must be disjoint.
const USER: (&str, usize) = ("user_id", 0);

/// Files of hourly presence as a table.
#[derive(Debug)]
pub struct PresenceTable {
    files: FilesTable,
}

impl PresenceTable {
    pub fn new(files: FilesTable) -> Self {
        PresenceTable { files }
    }

    /// The same scan with the statistics and the order of each file, if all are of one date.
    async fn described(
        &self,
        state: &dyn Session,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let files: Vec<&PartitionedFile> =
            config.file_groups.iter().flat_map(FileGroup::iter).collect();
        let is_one_date =
            files.windows(2).all(|pair| pair[0].partition_values == pair[1].partition_values);
        if !is_one_date {
            return Ok(None);
        }
        let store = state.runtime_env().object_store(&config.object_store_url)?;
        let format = ParquetFormat::new();
        let columns = Arc::clone(config.file_schema());
        let mut described = Vec::new();
        for file in files {
            let meta = &file.object_meta;
            let of_file =
                format.infer_stats_and_ordering(state, &store, Arc::clone(&columns), meta).await?;
            let file = file.clone().with_statistics(Arc::new(of_file.statistics));
            described.push(file.with_ordering(of_file.ordering));
        }
        let order = described[0].ordering.clone();
        if let ([_], Some(order)) = (described.as_slice(), order) {
            let groups = vec![FileGroup::new(described)];
            let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups);
            return Ok(Some(config.with_output_ordering(vec![order]).build()));
        }
        let groups = described.into_iter().map(|file| FileGroup::new(vec![file])).collect();
        let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build();
        Ok(by_user(&config))
    }
}

#[async_trait]
impl TableProvider for PresenceTable {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn table_type(&self) -> TableType {
        self.files.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.files.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut config = self.files.configuration(state, projection, filters, limit).await?;
        // the caller needs the rows in the order of the files
        if state.config().target_partitions() > 1
            && let Some(plain) = &config
            && let Some(described) = self.described(state, plain).await?
        {
            config = Some(described);
        }
        self.files.plan(state, projection, config).await
    }
}

/// The same scan with one partition per file; `None` if the ranges of users overlap.
fn by_user(config: &FileScanConfig) -> Option<FileScanConfig> {
    let mut files: Vec<(String, String, PartitionedFile)> = Vec::new();
    for file in config.file_groups.iter().flat_map(FileGroup::iter) {
        let order = file.ordering.as_ref()?;
        let first = order.first().expr.downcast_ref::<Column>()?;
        if (first.name(), first.index()) != USER {
            return None;
        }
        let users = file.statistics.as_ref()?.column_statistics.get(USER.1)?;
        files.push((text(&users.min_value)?, text(&users.max_value)?, file.clone()));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    // bounds that are truncated in the footer still enclose the values of the file
    if files.len() < 2 || files.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
        return None;
    }
    let splits = files[1..]
        .iter()
        .map(|(min, _, _)| SplitPoint::new(vec![ScalarValue::Utf8View(Some(min.clone()))]))
        .collect();
    let order = files.first()?.2.ordering.clone()?;
    let key = order.first().clone();
    let ranges = RangePartitioning::try_new(LexOrdering::new([key])?, splits).ok()?;
    let groups = files.into_iter().map(|(_, _, file)| FileGroup::new(vec![file])).collect();
    Some(
        FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups)
            .with_output_ordering(vec![order])
            .with_output_partitioning(Some(Partitioning::Range(ranges)))
            .build(),
    )
}

fn text(bound: &Precision<ScalarValue>) -> Option<String> {
    match bound.get_value()? {
        ScalarValue::Utf8View(text) | ScalarValue::Utf8(text) => text.clone(),
        _ => None,
    }
}
