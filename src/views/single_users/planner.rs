//! Plans SQL against the columns of tables and views.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::common::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::FutureExt;

use super::lineage::Lineage;
use super::plan;
use super::reason::Reason;
use super::table::LineageTable;
use crate::domain::tables::Table;

/// Stack of the thread that plans; memory is only taken as far as it is used.
const STACK_BYTES: usize = 32 << 20;

/// Plans SQL over the tables of the warehouse, and over the views that were added.
pub struct Planner {
    context: SessionContext,
}

impl Planner {
    /// A planner that knows the tables of the warehouse.
    ///
    /// # Errors
    /// A table that cannot be registered, which does not happen.
    pub fn new() -> Result<Self> {
        let mut config = SessionConfig::new();
        // the same SQL dialect as in the warehouses
        config.options_mut().sql_parser.dialect = Dialect::PostgreSQL;
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        let planner = Planner { context: SessionContext::new_with_state(state) };
        for table in Table::ALL {
            planner.register(table.name(), LineageTable::of(table))?;
        }
        Ok(planner)
    }

    /// Why the rows of a query count as rows of single users; `None` if they are aggregates.
    pub fn query(&self, sql: &str) -> Option<Reason> {
        match self.analyse(sql) {
            Ok((schema, lineage)) => reason(&schema, &lineage),
            Err(error) => Some(Reason::Unknown(format!("{error:#}"))),
        }
    }

    /// As [`Self::query`] for a view, which the SQL of other views can name from then on. If
    /// `declared`, its rows count as rows of single users in any case.
    pub fn view(&self, name: &str, sql: &str, declared: bool) -> Option<Reason> {
        let added = self.analyse(sql).and_then(|(schema, mut lineage)| {
            let found = reason(&schema, &lineage);
            lineage.per_user |= declared;
            self.register(name, LineageTable::new(schema, lineage))?;
            Ok(found)
        });
        let found = added.unwrap_or_else(|error| Some(Reason::Unknown(format!("{error:#}"))));
        found.or(declared.then_some(Reason::Declared))
    }

    /// The columns of a view that was added and could be analysed.
    pub fn columns(&self, view: &str) -> Option<SchemaRef> {
        let table = self.context.table_provider(TableReference::bare(view)).now_or_never()?;
        Some(table.ok()?.schema())
    }

    /// The columns of a query and their lineage.
    fn analyse(&self, sql: &str) -> Result<(SchemaRef, Lineage)> {
        let work = || {
            let plan = self.plan(sql)?;
            Ok((Arc::clone(plan.schema().inner()), plan::lineage(&plan)?))
        };
        // long expressions are deep trees, which the planner descends recursively
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        std::thread::scope(|scope| {
            let thread = builder.spawn_scoped(scope, work).context("cannot start a thread")?;
            thread.join().unwrap_or_else(|_| bail!("the planner panicked"))
        })
    }

    fn register(&self, name: &str, table: LineageTable) -> Result<()> {
        self.context
            .register_table(TableReference::bare(name), Arc::new(table))
            .map_err(message)?;
        Ok(())
    }

    fn plan(&self, sql: &str) -> Result<LogicalPlan> {
        let state = self.context.state();
        let statement = state.sql_to_statement(sql, &Dialect::PostgreSQL).map_err(message)?;
        // the tables are in memory, so that nothing is waited for
        let planned = state.statement_to_plan(statement).now_or_never();
        planned.context("a table is not in memory")?.map_err(message)
    }
}

fn message(error: DataFusionError) -> anyhow::Error {
    // lists of columns may follow on further lines
    let text = error.strip_backtrace();
    anyhow!("{}", text.lines().next().unwrap_or_default())
}

fn reason(schema: &SchemaRef, lineage: &Lineage) -> Option<Reason> {
    Reason::of(lineage, schema.fields().iter().map(|field| field.name()))
}
