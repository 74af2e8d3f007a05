//! Presentation: output formats, charts, pages and reports. Nothing here knows HTTP.

pub mod charts;
pub mod formats;
pub mod quality_report;
pub mod query;
