//! Converts DataFusion streams to [`Rows`](crate::warehouse::Rows) with the types of the contract.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchReader;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::runtime::Runtime;

use super::engine_errors::{failed, not_in_contract};
use crate::domain::tables::TIMESTAMP;
use crate::runtime::cancellation;

/// The type of the contract for a type of the engine.
fn contract_type(engine: &DataType) -> DataType {
    match engine {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Dictionary(_, value) => contract_type(value),
        DataType::UInt64 => DataType::Int64,
        t if t.is_integer() => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Timestamp(_, _) => TIMESTAMP,
        DataType::Date64 => DataType::Date32,
        other => other.clone(),
    }
}

/// The schema of rows outside the engine.
pub fn contract_schema(engine: &Schema) -> SchemaRef {
    let fields: Vec<Field> = engine
        .fields()
        .iter()
        .map(|f| Field::new(f.name(), contract_type(f.data_type()), f.is_nullable()))
        .collect();
    Arc::new(Schema::new(fields))
}

/// A blocking iterator over a stream of the engine.
pub struct StreamRows {
    runtime: Arc<Runtime>,
    stream: SendableRecordBatchStream,
    schema: SchemaRef,
}

impl StreamRows {
    pub fn new(runtime: Arc<Runtime>, stream: SendableRecordBatchStream) -> Self {
        let schema = contract_schema(&stream.schema());
        StreamRows { runtime, stream, schema }
    }

    fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let options =
            arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

impl Iterator for StreamRows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match cancellation::block_on(&self.runtime, self.stream.next()) {
            Ok(next) => next?,
            Err(cancelled) => return Some(Err(ArrowError::ExternalError(Box::new(cancelled)))),
        };
        let external = |error| ArrowError::ExternalError(Box::new(error));
        Some(match next {
            Ok(batch) => self.convert(&batch).map_err(|e| external(not_in_contract(&e))),
            Err(error) => Err(external(failed(&error))),
        })
    }
}

impl RecordBatchReader for StreamRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
