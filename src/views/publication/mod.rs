//! What the header of a view says about its numbers, so that it can be decided which of them may be published.

mod classify;
mod contribution;
mod declaration;
mod display;
mod parse;
mod parse_largest;

pub use classify::{Unclassified, classify};
pub use contribution::{Comparison, Contribution, RowValue, Source, UserRows};
pub use declaration::{
    Basis, Column, Condition, KeyPair, KeyValue, Keys, Link, Measure, Need, Period, Publication,
    Relation, RowsOf,
};
pub use parse::{counts, keys, links, needs, total_text, totals};
pub use parse_largest::largest;

/// The column of tables and views with rows of single users.
const USER_ID: &str = "user_id";
