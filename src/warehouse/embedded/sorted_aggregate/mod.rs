//! A GROUP BY operator for input that is sorted by one of the group columns, without hashing that column.
//!
//! Hourly presence is sorted by user, and most views group by user and a short column: hour, cell or
//! LAU. The aggregation of DataFusion hashes, compares and copies the 64 characters of the user id for
//! every row. As the rows of a user are adjacent, this operator only compares each row with the one
//! before; the few groups of a user are found by the other columns.
//!
//! Measured against the aggregation of DataFusion 55 for sorted input, on the hourly presence of one day
//! (4.7 million rows of 150,000 users, from 40 million events), CPU seconds on one core including the
//! Parquet scan:
//!
//! | query | this operator | DataFusion |
//! |---|---|---|
//! | unique cells per user | 0.44 s, 22 MiB | 1.33 s, 31 MiB |
//! | unique users per hour | 0.39 s, 22 MiB | 1.00 s, 27 MiB |
//!
//! With 1.2 million rows the times are 0.10 and 0.33 s, and 0.10 and 0.24 s.

mod exec;
mod groups;
mod keys;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use exec::SortedAggregateExec;

/// Replaces the aggregation of DataFusion by [`SortedAggregateExec`] where both return the same rows.
#[derive(Debug)]
pub struct UseSortedAggregate;

impl PhysicalOptimizerRule for UseSortedAggregate {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let sorted = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => SortedAggregateExec::replacing(aggregate)?,
                None => None,
            };
            Ok(match sorted {
                Some(sorted) => Transformed::yes(Arc::new(sorted)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "use_sorted_aggregate"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
