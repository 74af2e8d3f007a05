//! Tools for Parquet files: footers, pages, checksums, and the record of what a file was made from.

pub mod checksum;
pub mod footer;
pub mod pages;
mod panic;
pub mod provenance;
mod rle_bit_packed;

pub use panic::{ParquetBatches, catch_parquet_panic};
