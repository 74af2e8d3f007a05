//! Public readers: everything that they see is what was released.

mod cells;
mod commands;
mod leaks;
mod refusals;
pub mod store;
mod tokens;
