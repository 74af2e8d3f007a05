//! The process: interruption by signals, worker threads, memory.

pub mod interrupt;
pub mod memory;
pub mod parallel;
pub mod text_file;
