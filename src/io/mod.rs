//! File formats and file names; knows no stage.

pub mod atomic;
pub mod events;
pub mod inputs;
