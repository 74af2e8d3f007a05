//! The process: interruption by signals, cancellation, worker threads, memory, caches, open files.

pub mod cache;
pub mod cancellation;
pub mod interrupt;
pub mod memory;
pub mod open_files;
pub mod parallel;
pub mod text_file;
