//! Segments, trips and the views over them: rows worked out by hand, and a plain implementation in Python over the
//! raw events of random worlds.

pub mod by_hand;
mod planted;
mod quality;
pub mod random;
pub mod reference;
