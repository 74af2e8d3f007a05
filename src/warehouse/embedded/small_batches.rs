//! Makes batches small before sorts and joins keep them.
//!
//! Texts are views into buffers, and batches that were taken from one aggregation share its buffers. The engine
//! counts these once for each batch, so that a sort or a join of some million rows would exceed its memory with the
//! first few batches. And a window function returns all rows of a partition as one batch, which a sort can only keep
//! as a whole.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray, RecordBatch};
use datafusion::arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::TryStreamExt;

/// Buffers are copied if they are more than so many times larger than the texts of the batch in them.
const MOST_UNUSED: usize = 2;

/// Puts the operator before sorts, and before the side of hash joins that is kept in memory.
#[derive(Debug)]
pub struct SmallBatches;

impl PhysicalOptimizerRule for SmallBatches {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let keeps = node.downcast_ref::<SortExec>().is_some()
                || node.downcast_ref::<HashJoinExec>().is_some();
            let mut children: Vec<_> = node.children().into_iter().cloned().collect();
            if !keeps || children.is_empty() {
                return Ok(Transformed::no(node));
            }
            children[0] = Arc::new(SmallBatchesExec { input: Arc::clone(&children[0]) });
            let same = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            Ok(Transformed::yes(node.replace_children(children, same)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "small_batches"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator: the rows of its input.
#[derive(Debug)]
struct SmallBatchesExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for SmallBatchesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SmallBatchesExec")
    }
}

impl ExecutionPlan for SmallBatchesExec {
    fn name(&self) -> &str {
        "SmallBatchesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(SmallBatchesExec { input }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let most = context.session_config().batch_size();
        let batches = self.input.execute(partition, context)?;
        let rows = batches.map_ok(move |batch| futures::stream::iter(split(batch, most)));
        let rows = rows.try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The rows of a batch in batches of limited size, each with texts of its own.
fn split(batch: RecordBatch, most: usize) -> impl Iterator<Item = Result<RecordBatch>> {
    let rows = batch.num_rows();
    let starts = (0..rows.max(1)).step_by(most.max(1));
    starts.map(move |start| compacted(&batch.slice(start, most.min(rows - start))))
}

/// The same rows with texts in buffers of their own.
fn compacted(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8View => of_views::<StringViewType>(column),
        DataType::BinaryView => of_views::<BinaryViewType>(column),
        _ => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}

fn of_views<T: ByteViewType>(column: &ArrayRef) -> ArrayRef {
    let views: &GenericByteViewArray<T> = column.as_byte_view();
    let held: usize = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    match held > MOST_UNUSED * views.total_buffer_bytes_used() {
        true => Arc::new(views.gc()),
        false => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringViewArray;
    use datafusion::arrow::compute::concat_batches;

    use super::*;

    #[test]
    fn a_slice_of_many_texts_keeps_its_own() {
        let text = |number: usize| format!("a text of some length with the number {number}");
        let many = StringViewArray::from_iter((0..10_000).map(|n| (n % 3 > 0).then(|| text(n))));
        let batch = RecordBatch::try_from_iter([("text", Arc::new(many) as ArrayRef)]).unwrap();
        let few = batch.slice(5_000, 10);
        let size = |batch: &RecordBatch| batch.get_array_memory_size();
        let own = compacted(&few).unwrap();
        assert_eq!(own, few);
        assert!(size(&few) > 200_000 && size(&own) < 5_000, "{} {}", size(&few), size(&own));
        assert!(Arc::ptr_eq(compacted(&batch).unwrap().column(0), batch.column(0)));
        let parts: Vec<RecordBatch> = split(batch.clone(), 3_000).map(Result::unwrap).collect();
        assert_eq!(
            parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
            [3_000, 3_000, 3_000, 1_000]
        );
        assert_eq!(concat_batches(&batch.schema(), &parts).unwrap(), batch);
        assert!(parts.iter().map(size).sum::<usize>() < 2 * size(&batch));
        assert_eq!(split(batch.slice(0, 0), 3_000).count(), 1);
    }
}
