//! The process itself: interruption by a signal, worker threads, memory.

pub mod interrupt;
pub mod memory;
pub mod parallel;
