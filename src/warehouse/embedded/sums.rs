//! The sums of accumulated views. A file has the sum of most pieces; those that are new are added when it is
//! read, and those that changed or were removed are taken away. The file is written again when these are many,
//! so that what a load writes follows what it changes, and not what is there.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::SortExpr;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::ident;

use super::Embedded;
use super::parquet_files::{ResultFile, describe_unverified};
use super::parquet_tables::with_views;
use super::session::explain;
use super::signed_merge::{Input, SignedMerge, key_order};
use super::stored_results::{Piece, StoredResults, Sum};
use super::view_results::{Stored, new_file_name};
use crate::formats::parquet::checksum;
use crate::storage::atomic::sync_folder;
use crate::views::{OrderBy, View};

/// The file is written again when the rows of the pieces that are not in it are more than this part of its own.
const PART: u64 = 4;
/// Files that are merged at once.
const MERGED_AT_ONCE: usize = 16;
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// What has to be added to the file of a sum, and taken away from it.
fn changes(results: &StoredResults, sum: &Sum, own: &Path) -> Vec<Input> {
    let input = |piece: &Piece, negative| Input {
        path: own.join(&piece.file),
        start: piece.range.start,
        rows: piece.range.rows,
        negative,
    };
    let members: HashSet<&Piece> = sum.members.iter().collect();
    let current: HashSet<&Piece> = results.current.iter().collect();
    let added = results.current.iter().filter(|piece| !members.contains(piece));
    let removed = sum.members.iter().filter(|piece| !current.contains(piece));
    let added = added.map(|piece| input(piece, false));
    added.chain(removed.map(|piece| input(piece, true))).collect()
}

/// Columns and number of rows of a file that has to be there.
fn described(path: &Path) -> Result<(SchemaRef, u64)> {
    describe_unverified(path)
        .with_context(|| format!("{} was removed or is damaged", path.display()))
}

impl Embedded {
    /// Brings the sum of the current pieces up to date; `before` is the one that was there.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub(super) fn add_up(
        &self,
        folder: &Path,
        (view, column): (&View, &str),
        results: &mut StoredResults,
        before: Option<&Sum>,
    ) -> Result<()> {
        results.sum = None;
        let own = folder.join(&view.view);
        let [first, _, ..] = results.current.as_slice() else { return Ok(()) };
        let order = key_order(&described(&own.join(&first.file))?.0, &view.order, column);
        // pieces whose rows are to be merged, and those that are in the file
        let empty = Sum { file: String::new(), members: Vec::new(), rows: 0 };
        let sum = before.cloned().unwrap_or(empty);
        let mut inputs = changes(results, &sum, &own);
        let rows = results.files.get(&sum.file).map_or(0, |file| file.rows);
        if before.is_some() {
            if inputs.is_empty() {
                results.sum = Some(sum);
                return Ok(());
            }
            let path = own.join(&sum.file);
            inputs.insert(0, Input { path, start: 0, rows, negative: false });
            let changed: u64 = inputs[1..].iter().map(|input| input.rows).sum();
            if changed.saturating_mul(PART) <= rows && inputs.len() <= MERGED_AT_ONCE {
                let mut count = 0;
                for batch in SignedMerge::new(&inputs, &order, column)? {
                    count += batch?.num_rows() as u64;
                }
                results.sum = Some(Sum { rows: count, ..sum });
                return Ok(());
            }
        }
        checksum::verify(inputs.iter().map(|input| &input.path))?;
        let mut temporary = Vec::new();
        let name = loop {
            let count = inputs.len().min(MERGED_AT_ONCE);
            let name = new_file_name();
            let path = own.join(&name);
            let merge = SignedMerge::new(&inputs[..count], &order, column)?;
            let mut file = ResultFile::create(&path)?;
            let range = file.add(Box::new(merge), None)?;
            let listed = file.finish(&path)?;
            if count == inputs.len() {
                results.files.insert(name.clone(), listed);
                let members = results.current.clone();
                results.sum = Some(Sum { file: name.clone(), members, rows: range.rows });
                break name;
            }
            inputs.drain(..count);
            inputs.push(Input { path: path.clone(), start: 0, rows: range.rows, negative: false });
            temporary.push(path);
        };
        sync_folder(&own.join(name))?;
        for path in temporary {
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

/// The sum of an accumulated view as a table; `None` for other results.
///
/// # Errors
/// Files that cannot be read.
pub fn table(stored: &Stored, view: &View) -> Result<Option<Arc<dyn TableProvider>>> {
    let (Some(sum), Some(column)) = (&stored.results.sum, &view.accumulate) else {
        return Ok(None);
    };
    let own = stored.folder.join(&view.view);
    let path = own.join(&sum.file);
    let (schema, rows) = described(&path)?;
    // the order of the rows of all files of the view
    let order = key_order(&schema, &view.order, column);
    let mut inputs = vec![Input { path, start: 0, rows, negative: false }];
    inputs.extend(changes(&stored.results, sum, &own));
    let keys: Vec<SortExpr> =
        order.iter().map(|o| ident(&o.column).sort(!o.descending, o.descending)).collect();
    let schema = with_views(&schema);
    let merged = MergedSum { inputs, order, column: column.clone(), schema: Arc::clone(&schema) };
    let table = StreamingTable::try_new(schema, vec![Arc::new(merged)]).map_err(explain)?;
    Ok(Some(Arc::new(table.with_sort_order(keys))))
}

/// The merged rows as a stream.
#[derive(Debug)]
struct MergedSum {
    inputs: Vec<Input>,
    order: Vec<OrderBy>,
    column: String,
    schema: SchemaRef,
}

impl PartitionStream for MergedSum {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let sender = builder.tx();
        let (inputs, order) = (self.inputs.clone(), self.order.clone());
        let (column, schema) = (self.column.clone(), Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            let failed = |error: anyhow::Error| DataFusionError::Execution(format!("{error:#}"));
            checksum::verify(inputs.iter().map(|input| &input.path)).map_err(failed)?;
            for batch in SignedMerge::new(&inputs, &order, &column).map_err(failed)? {
                let columns = batch?;
                let columns = columns.columns().iter().zip(schema.fields());
                let columns = columns.map(|(values, field)| cast(values, field.data_type()));
                let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
                let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
                if sender.blocking_send(Ok(batch)).is_err() {
                    // nobody reads on
                    break;
                }
            }
            Ok(())
        });
        builder.build()
    }
}
