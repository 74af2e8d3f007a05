//! SQL over files of hourly presence, the cell plan and LAUs, without a warehouse.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::RecordBatchIterator;
use tokio::runtime::Runtime;

use super::compute_view::EXHAUSTED;
use super::rows::StreamRows;
use super::session::{self, Memory};
use super::table_files::TableFiles;
use super::{parquet_tables, session::Parsed};
use crate::domain::tables::Table;
use crate::runtime::cancellation;
use crate::views::reads_valid_cells_only;
use crate::warehouse::Rows;

/// The engine of the embedded warehouse by itself.
#[derive(Debug)]
pub struct PresenceSql {
    runtime: Arc<Runtime>,
}

impl PresenceSql {
    /// # Errors
    /// Threads that cannot be started.
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .context("cannot start the threads that compute views")?;
        Ok(PresenceSql { runtime: Arc::new(runtime) })
    }

    /// The rows of a SELECT over tables of the contract that `files` holds.
    ///
    /// # Errors
    /// SQL that the engine rejects; damaged files.
    pub fn rows(&self, sql: &str, files: &TableFiles) -> Result<Rows> {
        match self.start(sql, files, Memory::OneDay) {
            Err(error) if format!("{error:#}").contains(EXHAUSTED) => {
                self.start(sql, files, Memory::Maximum)
            }
            started => started,
        }
    }

    /// Runs the query up to its first rows: a query that needs more memory than it may use fails before.
    fn start(&self, sql: &str, files: &TableFiles, memory: Memory) -> Result<Rows> {
        let context = session::with_memory(false, memory);
        let parsed = session::parse(&context, sql)?;
        let ends = files.presence.first_key_value().zip(files.presence.last_key_value());
        let days = ends.filter(|_| reads_valid_cells_only(sql)).map(|((a, _), (b, _))| (*a, *b));
        for name in &parsed.relations {
            // the engine rejects unknown names
            match (Table::from_name(name), days) {
                (Some(Table::CellPlan), Some(days)) => {
                    parquet_tables::register_valid_cells(&context, files, days)?;
                }
                (Some(table), _) => {
                    parquet_tables::register_table(&context, files, table, None)?;
                }
                (None, _) => {}
            }
        }
        let planned = plan(&context, parsed);
        let stream = cancellation::block_on(&self.runtime, planned)??;
        let mut rows = StreamRows::new(Arc::clone(&self.runtime), stream);
        let schema = arrow::array::RecordBatchReader::schema(&rows);
        let first = rows.next().transpose()?;
        Ok(Box::new(RecordBatchIterator::new(first.map(Ok).into_iter().chain(rows), schema)))
    }
}

async fn plan(
    context: &datafusion::prelude::SessionContext,
    parsed: Parsed,
) -> Result<datafusion::execution::SendableRecordBatchStream> {
    let frame = session::plan(context, parsed).await?;
    frame.execute_stream().await.map_err(session::explain)
}
