//! Presentation: output formats, charts, pages, JSON documents and reports. Nothing here knows
//! HTTP: the server and the commands use it alike.

pub mod audited_rows;
pub mod charts;
pub mod columns;
pub mod data_version;
pub mod documents;
pub mod formats;
pub mod html;
pub mod lau_outlines;
pub mod map_rows;
pub mod movement;
pub mod people;
pub mod quality_report;
pub mod query;
pub mod query_columns;
pub mod relation;
pub mod run_details;
pub mod snapshots;
