//! File formats, independent of what the files contain: Parquet, CSV, boundary files and coordinate
//! reference systems.

pub mod boundaries;
pub mod content;
pub mod crs;
pub mod csv;
pub mod geoparquet;
pub mod parquet;
pub mod rows;
pub mod table;
