//! View files: their headers, their registry, and the analysis of their SQL.

mod builtin;
mod classification;
pub mod coarser;
mod dependencies;
mod export;
mod files;
mod growth;
mod header;
mod id_usage;
mod known_views;
#[cfg(test)]
mod known_views_tests;
mod masked_sql;
mod named_relations;
mod periods;
mod presence_rules;
pub mod publication;
mod registry;
mod released;
mod settings;
mod single_users;
mod split;
mod template;
mod validity_usage;
mod view;

pub use export::export;
pub use growth::{Growth, Unit};
pub use header::{Chart, ChartKind, OrderBy};
pub use id_usage::compares_ids_only;
pub use masked_sql::without_literals;
pub use named_relations::reads_named_relations_only;
pub use presence_rules::PresenceRules;
pub use publication::{Unclassified, classify};
pub use registry::Registry;
pub use settings::Settings;
pub use single_users::Reason;
pub use split::{NAMED_WINDOW, Split};
pub use template::NEWEST_DATE;
pub use validity_usage::reads_valid_cells_only;
pub use view::{View, without_semicolon};
