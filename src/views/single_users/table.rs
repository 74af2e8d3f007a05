//! A table or view as the planner sees it: its columns and their lineage, without rows.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, not_impl_err};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use super::lineage::{Lineage, Origin};
use crate::domain::tables::Table;

/// A relation that can be planned but not executed.
#[derive(Debug)]
pub struct LineageTable {
    schema: SchemaRef,
    lineage: Lineage,
}

impl LineageTable {
    pub fn new(schema: SchemaRef, lineage: Lineage) -> Self {
        LineageTable { schema, lineage }
    }

    /// A table of the warehouse.
    pub fn of(table: Table) -> Self {
        let schema = table.schema();
        let origin = |name: &str| match table.user_columns().contains(&name) {
            true => Origin::ID,
            false => {
                Origin { exact_time: table.exact_times().contains(&name), ..Origin::default() }
            }
        };
        let columns = schema.fields().iter().map(|field| origin(field.name())).collect();
        let lineage = Lineage { columns, per_user: table.single_users(), ..Lineage::default() };
        LineageTable { schema, lineage }
    }

    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }
}

#[async_trait]
impl TableProvider for LineageTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("this table has no rows")
    }
}
