//! Grouping without a hash of long texts, where rows come sorted by one of the group's columns.
//!
//! Hourly presence is sorted by user, and most views group by user and something small: an hour, a
//! cell, a LAU. The engine's own grouping hashes, compares and copies the 64 characters of the user
//! id for every row. Rows of one user being neighbours, it is enough to see where the next user
//! begins; within a user the few groups are told apart by the other columns.

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

/// Puts [`SortedAggregateExec`] in the place of the engine's own grouping where it gives the same rows.
#[derive(Debug)]
pub struct UseSortedAggregate;

impl PhysicalOptimizerRule for UseSortedAggregate {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let runs = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => SortedAggregateExec::in_place_of(aggregate)?,
                None => None,
            };
            Ok(match runs {
                Some(runs) => Transformed::yes(Arc::new(runs)),
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
