//! Tools for Parquet files: footers, pages, checksums, and the record of what a file was made from.

pub mod checksum;
mod encryption;
pub mod footer;
pub mod pages;
mod panic;
pub mod provenance;
mod rle_bit_packed;
pub mod sealed_file;

pub use encryption::refuse_encrypted;
pub use panic::{ParquetBatches, catch_parquet_panic};
