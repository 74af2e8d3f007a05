//! Hourly presence as a DataFusion table: files with disjoint ranges of users are partitions by user.
//!
//! The files of one date hold disjoint ranges of users, sorted by user, hour and cell. With this known
//! to the planner, a GROUP BY over users needs no repartitioning, and aggregates one user at a time
//! instead of keeping all users in memory. If ranges overlap (several dates, or files of another
//! program), the files are scanned without partitioning.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, SplitPoint, stats::Precision};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::{ListingTable, PartitionedFile};
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, Partitioning, RangePartitioning};
use datafusion::physical_plan::ExecutionPlan;

/// Name and index of the column whose ranges must be disjoint.
const USER: (&str, usize) = ("user_id", 0);

/// Files of hourly presence as a table.
#[derive(Debug)]
pub struct PresenceTable {
    files: ListingTable,
}

impl PresenceTable {
    pub fn new(files: ListingTable) -> Self {
        PresenceTable { files }
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
        let plan = self.files.scan(state, projection, filters, limit).await?;
        if state.config().target_partitions() == 1 {
            // the caller needs the rows in the order of the files
            return Ok(plan);
        }
        let scan = plan.downcast_ref::<DataSourceExec>();
        let config = scan.and_then(|s| s.downcast_to_file_source::<ParquetSource>());
        Ok(match config.and_then(|(config, _)| by_user(config)) {
            Some(config) => DataSourceExec::from_data_source(config),
            None => plan,
        })
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
