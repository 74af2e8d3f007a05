//! Tools for Parquet files: footers, pages, checksums, and the record of what a file was made from.

pub mod checksum;
pub mod footer;
pub mod pages;
pub mod panics;
pub mod provenance;
mod rle;
