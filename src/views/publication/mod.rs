//! What the header of a view says about its numbers, so that it can be decided which of them may be published.

mod classify;
mod declaration;
mod parse;

pub use classify::{Unclassified, classify};
pub use declaration::{
    Basis, Column, Condition, KeyPair, KeyValue, Keys, Link, Measure, Period, Publication, Relation,
};
pub use parse::{counts, keys, links};
