//! Views about people: homes and work places, present devices, weights. They are compared with worlds
//! whose answers are worked out by hand, and with a reference over the raw events of random worlds.

mod by_hand;
mod clock_changes;
pub mod estimates;
mod growth;
pub mod random_worlds;
pub mod reference;
mod rotation;
mod truth;
pub mod world;
