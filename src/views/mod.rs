//! `views`: the SELECT files, their registry, and bringing them into a warehouse.

mod header;
mod ids;
mod needs;
mod registry;
mod shipped;

pub use header::{Chart, ChartKind, OrderBy};
pub use ids::only_compared;
pub use registry::{Registry, View};
