//! The operator: aggregates one run of equal values after the other, and emits the groups of a run when
//! the next one begins.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::StreamExt;

use super::groups::groups;
use super::keys::{Key, comparable};

type Expr = Arc<dyn PhysicalExpr>;

/// GROUP BY for rows in which equal values of one group column are adjacent; those rows form a run.
#[derive(Debug, Clone)]
pub struct SortedAggregateExec {
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    keys: Vec<Expr>,
    /// Index of the key whose equal values are adjacent.
    run_key: usize,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    filters: Vec<Option<Expr>>,
}

impl SortedAggregateExec {
    /// The operator that replaces `aggregate`; `None` if it cannot.
    ///
    /// # Errors
    /// Expressions that do not match their input.
    pub fn replacing(aggregate: &AggregateExec) -> Result<Option<Self>> {
        let is_complete =
            matches!(aggregate.mode(), AggregateMode::Single | AggregateMode::SinglePartitioned);
        let group = aggregate.group_expr();
        let is_supported = aggregate.aggr_expr().iter().all(|a| {
            a.groups_accumulator_supported() && !a.is_distinct() && a.order_bys().is_empty()
        });
        if !is_complete
            || !is_supported
            || !group.is_single()
            || aggregate.limit_options().is_some()
        {
            return Ok(None);
        }
        let input = aggregate.input();
        let schema = input.schema();
        let keys: Vec<Expr> = group.expr().iter().map(|(e, _)| Arc::clone(e)).collect();
        let mut run_key = None;
        for (i, key) in keys.iter().enumerate() {
            let column = key.data_type(&schema)?;
            if !comparable(&column) {
                return Ok(None);
            }
            let sorted = [PhysicalSortExpr::new_default(Arc::clone(key)).nulls_last()];
            // for numbers the aggregation of DataFusion is fast enough
            if column == DataType::Utf8View
                && input.equivalence_properties().ordering_satisfy(sorted)?
            {
                run_key = run_key.or(Some(i));
            }
        }
        Ok(run_key.map(|run_key| SortedAggregateExec {
            input: Arc::clone(input),
            schema: aggregate.schema(),
            properties: Arc::clone(aggregate.properties()),
            keys,
            run_key,
            aggregates: aggregate.aggr_expr().to_vec(),
            filters: aggregate.filter_expr().to_vec(),
        }))
    }
}

impl DisplayAs for SortedAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(|k| k.to_string()).collect();
        let names: Vec<&str> = self.aggregates.iter().map(|a| a.name()).collect();
        write!(
            f,
            "SortedAggregateExec: by=[{}], sorted_by={}, aggr=[{}]",
            keys.join(", "),
            keys[self.run_key],
            names.join(", ")
        )
    }
}

impl ExecutionPlan for SortedAggregateExec {
    fn name(&self) -> &str {
        "SortedAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Expr) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut next = TreeNodeRecursion::Continue;
        let arguments = self.aggregates.iter().flat_map(|a| a.expressions());
        let filters = self.filters.iter().flatten().cloned();
        for expression in self.keys.iter().cloned().chain(arguments).chain(filters) {
            next = next.visit_sibling(|| f(&expression))?;
        }
        Ok(next)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(SortedAggregateExec { input, ..self.as_ref().clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let state = AggregateState::new(self.clone())?;
        let rows = futures::stream::unfold(Some((input, state)), |state| async {
            let (mut input, mut state) = state?;
            loop {
                let rows = match input.next().await {
                    Some(Ok(batch)) => state.add(&batch),
                    Some(Err(error)) => return Some((Err(error), None)),
                    None => return state.finish().transpose().map(|rows| (rows, None)),
                };
                match rows {
                    Ok(None) => {}
                    Ok(Some(rows)) => return Some((Ok(rows), Some((input, state)))),
                    Err(error) => return Some((Err(error), None)),
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}

/// The state of one partition.
struct AggregateState {
    plan: SortedAggregateExec,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// Keys of the groups of the current run.
    open: Vec<ArrayRef>,
}

impl AggregateState {
    fn new(plan: SortedAggregateExec) -> Result<Self> {
        let accumulators =
            plan.aggregates.iter().map(|a| a.create_groups_accumulator()).collect::<Result<_>>()?;
        Ok(AggregateState { plan, accumulators, open: Vec::new() })
    }

    /// Aggregates the rows of a batch; returns the groups of the runs that are complete.
    fn add(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(self.plan.keys.len());
        for (i, key) in self.plan.keys.iter().enumerate() {
            let column = key.evaluate(batch)?.into_array(rows)?;
            columns.push(match self.open.get(i) {
                Some(open) => concat(&[open.as_ref(), column.as_ref()])?,
                None => column,
            });
        }
        let before = self.open.first().map_or(0, |open| open.len());
        let mut keys = columns.iter().map(Key::new).collect::<Result<Vec<_>>>()?;
        let run_key = keys.swap_remove(self.plan.run_key);
        let found = groups(before + rows, &run_key, &keys);
        let total = found.first_row.len();
        let of_row = &found.of_row[before..];
        let parts = self.plan.aggregates.iter().zip(&self.plan.filters);
        for (accumulator, (aggregate, filter)) in self.accumulators.iter_mut().zip(parts) {
            let arguments = aggregate
                .expressions()
                .iter()
                .map(|e| e.evaluate(batch)?.into_array(rows))
                .collect::<Result<Vec<_>>>()?;
            let filter = match filter {
                Some(filter) => Some(filter.evaluate(batch)?.into_array(rows)?),
                None => None,
            };
            let filter = filter.as_ref().map(|f| f.as_boolean());
            accumulator.update_batch(&arguments, of_row, filter, total)?;
        }
        let rows_at = |groups: &[u32]| -> Result<Vec<ArrayRef>> {
            let places = UInt32Array::from(groups.to_vec());
            columns.iter().map(|c| Ok(take(c.as_ref(), &places, None)?)).collect()
        };
        let complete = rows_at(&found.first_row[..found.last_run])?;
        self.open = rows_at(&found.first_row[found.last_run..])?.iter().map(compact).collect();
        if found.last_run == 0 {
            return Ok(None);
        }
        self.emit(complete, EmitTo::First(found.last_run)).map(Some)
    }

    /// Returns the groups of the last run.
    fn finish(&mut self) -> Result<Option<RecordBatch>> {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return Ok(None);
        }
        self.emit(open, EmitTo::All).map(Some)
    }

    fn emit(&mut self, mut columns: Vec<ArrayRef>, groups: EmitTo) -> Result<RecordBatch> {
        for accumulator in &mut self.accumulators {
            columns.push(accumulator.evaluate(groups)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)?)
    }
}

/// Copies the texts, so that a few of them do not keep whole data pages in memory.
fn compact(column: &ArrayRef) -> ArrayRef {
    match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()),
        None => Arc::clone(column),
    }
}
