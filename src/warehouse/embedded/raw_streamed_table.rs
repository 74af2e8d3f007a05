//! Raw events as a table that this program reads itself: CSV, whose ids and times DataFusion's reader
//! cannot convert to their canonical form, and Parquet with a column inside a struct.

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
use crate::domain::tables::TIMESTAMP;
use crate::events::EventFile;
use crate::events::raw::{cell_ids, timestamps, user_ids};

/// Rows per batch.
const BATCH_ROWS: usize = 1 << 13;

/// Batches that are read ahead.
const AHEAD: usize = 2;

/// The files as one table, distributed over as many partitions as there are cores.
///
/// # Errors
/// None in practice: all partitions have the same schema.
pub fn provider(zone: Option<Tz>, files: Vec<EventFile>) -> Result<Arc<dyn TableProvider>> {
    let text = |name: &str| Field::new(name, arrow::datatypes::DataType::Utf8, true);
    let fields = vec![text("user_id"), text("cell_id"), Field::new("timestamp", TIMESTAMP, true)];
    let schema = Arc::new(Schema::new(fields));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut groups: Vec<Vec<EventFile>> = vec![Vec::new(); cores.min(files.len()).max(1)];
    let count = groups.len();
    for (i, file) in files.into_iter().enumerate() {
        groups[i % count].push(file);
    }
    let partition = |files| -> Arc<dyn PartitionStream> {
        Arc::new(StreamedPartition { files, zone, schema: Arc::clone(&schema) })
    };
    let partitions = groups.into_iter().map(partition).collect();
    Ok(Arc::new(StreamingTable::try_new(Arc::clone(&schema), partitions).map_err(explain)?))
}

#[derive(Debug)]
struct StreamedPartition {
    files: Vec<EventFile>,
    zone: Option<Tz>,
    schema: SchemaRef,
}

impl PartitionStream for StreamedPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let sender = builder.tx();
        let (files, zone, schema) = (self.files.clone(), self.zone, Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            for file in files {
                let received = read(&file, zone, &schema, &mut |batch| {
                    sender.blocking_send(Ok(batch)).is_ok()
                });
                match received {
                    Ok(true) => {}
                    // the receiver is closed
                    Ok(false) => break,
                    Err(e) => return Err(DataFusionError::Execution(format!("{e:#}"))),
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// Sends the rows of a file in canonical form until `send` returns false; returns what it returned last.
fn read(
    file: &EventFile,
    zone: Option<Tz>,
    schema: &SchemaRef,
    send: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<bool> {
    let mut times = file.times(zone)?;
    for part in 0..file.parts() {
        for batch in file.read_arrays(file.source(part)?, part, BATCH_ROWS)? {
            let [user, cell, time] = batch.with_context(|| file.place(part))?;
            let columns: Vec<arrow::array::ArrayRef> = vec![
                Arc::new(user_ids(&user, file.nulls())?),
                Arc::new(cell_ids(&cell, file.nulls())?),
                Arc::new(timestamps(&time, &mut times)?),
            ];
            if !send(RecordBatch::try_new(Arc::clone(schema), columns)?) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
