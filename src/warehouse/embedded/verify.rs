//! Checks every view against empty tables, so that a broken view file is reported before data is
//! loaded.

use std::sync::Arc;

use anyhow::Result;
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;

use super::filter::sorted;
use super::{Embedded, parquet_tables, session};
use crate::domain::tables::Table;
use crate::views::View;

impl Embedded {
    /// Plans every view but those that are known.
    ///
    /// # Errors
    /// The first view that the engine rejects, with file, line and reason.
    pub(super) async fn plan_without_data(&self) -> Result<()> {
        let context = session::new(false);
        for table in Table::ALL {
            let rows = EmptyTable::new(parquet_tables::with_views(&table.schema()));
            parquet_tables::register(&context, table.name(), Arc::new(rows))?;
        }
        for view in self.views.in_dependency_order()? {
            if let Some(columns) = view.columns.as_ref().filter(|_| self.views.is_known(view)) {
                let rows = EmptyTable::new(parquet_tables::with_views(columns));
                parquet_tables::register(&context, &view.view, Arc::new(rows))?;
                continue;
            }
            self.plan_one(&context, view).await.map_err(|error| view.placed(error))?;
        }
        Ok(())
    }

    async fn plan_one(&self, context: &SessionContext, view: &View) -> Result<()> {
        let parsed = session::parse(context, &view.sql)?;
        for name in &parsed.relations {
            if !context.table_exist(name.as_str()).map_err(session::explain)? {
                self.reject_misspelled(name)?;
            }
        }
        let frame = session::plan(context, parsed).await?;
        // type errors only show in the physical plan
        sorted(frame.clone(), &view.order)?
            .create_physical_plan()
            .await
            .map_err(session::explain)?;
        // the plan of a view over this one does not contain that of this one, and stays small
        let columns = Arc::new(frame.schema().as_arrow().clone());
        parquet_tables::register(context, &view.view, Arc::new(EmptyTable::new(columns)))
    }
}
