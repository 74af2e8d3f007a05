//! Raw events in CSV as a table: DataFusion's own reader of CSV knows neither canonical ids nor our
//! reading of time.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use chrono_tz::Tz;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;

use super::session::explain;
use crate::config::Config;
use crate::domain::tables::TIMESTAMP;
use crate::events::csv::CsvEvents;
use crate::events::raw::{cell_ids, timestamps, user_ids};

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 13;

/// Batches that wait to be taken.
const AHEAD: usize = 2;

/// The files as one table; each core reads some of them.
///
/// # Errors
/// None in practice: the parts are of one schema.
pub fn provider(config: &Config, files: Vec<CsvEvents>) -> Result<Arc<dyn TableProvider>> {
    let text = |name: &str| Field::new(name, arrow::datatypes::DataType::Utf8, true);
    let fields = vec![text("user_id"), text("cell_id"), Field::new("timestamp", TIMESTAMP, true)];
    let schema = Arc::new(Schema::new(fields));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut shares: Vec<Vec<CsvEvents>> = vec![Vec::new(); cores.min(files.len())];
    let number = shares.len();
    for (i, file) in files.into_iter().enumerate() {
        shares[i % number].push(file);
    }
    let zone = config.time.tz();
    let part = |files| -> Arc<dyn PartitionStream> {
        Arc::new(Part { files, zone, schema: Arc::clone(&schema) })
    };
    let parts = shares.into_iter().map(part).collect();
    Ok(Arc::new(StreamingTable::try_new(Arc::clone(&schema), parts).map_err(explain)?))
}

#[derive(Debug)]
struct Part {
    files: Vec<CsvEvents>,
    zone: Option<Tz>,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let sender = builder.tx();
        let (files, zone, schema) = (self.files.clone(), self.zone, Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            for file in files {
                let wanted = read(&file, zone, &schema, &mut |batch| {
                    sender.blocking_send(Ok(batch)).is_ok()
                });
                match wanted {
                    Ok(true) => {}
                    // nobody wants more
                    Ok(false) => break,
                    Err(e) => return Err(DataFusionError::Execution(format!("{e:#}"))),
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// Gives the rows of a file in canonical form as long as they are wanted.
fn read(
    file: &CsvEvents,
    zone: Option<Tz>,
    schema: &SchemaRef,
    give: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<bool> {
    let place = || format!("events file {}", file.input.location);
    let mut times = file.times(zone)?;
    for block in 0..file.blocks() {
        for batch in file.read(block, BATCH_ROWS)? {
            let [user, cell, time] = batch.with_context(place)?;
            let columns: Vec<arrow::array::ArrayRef> = vec![
                Arc::new(user_ids(&user)?),
                Arc::new(cell_ids(&cell)?),
                Arc::new(timestamps(&time, &mut times)?),
            ];
            if !give(RecordBatch::try_new(Arc::clone(schema), columns)?) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
