//! Whether a view or query tells of single users, decided from its plan.
//!
//! The SQL is planned against the columns of the tables and of the views that it reads, for both
//! warehouses alike, and the plan is followed from these columns to the output. An output tells of
//! single users if a column descends from a user id, if its rows belong to single users although no
//! column shows which, or if it was restricted to users by their ids. What cannot be planned or
//! followed counts as telling of single users.

mod expressions;
mod functions;
mod lineage;
mod plan;
mod planner;
mod reason;
mod table;
#[cfg(test)]
mod tests;

pub use planner::Planner;
pub use reason::Reason;
