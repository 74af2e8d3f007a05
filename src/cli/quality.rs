//! Flags of `mobility quality`.

use std::path::PathBuf;

use clap::Args;

use super::options::{CsvOptions, Dates};
use crate::stages::quality::Level;

#[derive(Debug, Args)]
pub struct Quality {
    #[command(flatten)]
    pub dates: Dates,
    /// Format [default: by the extension of --output, else table]
    #[arg(long, short, value_enum)]
    pub format: Option<QualityFormat>,
    /// Write to a file, which appears once it is complete
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub csv: CsvOptions,
    /// Exit with status 1 if any of the days has a finding of this level or worse
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub fail_on: Option<Level>,
    /// Compute every day again even if its records did not change
    #[arg(long)]
    pub force: bool,
}

/// Formats of a quality report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum QualityFormat {
    /// A table for a terminal
    Table,
    /// Dates, codes and warnings as one JSON document
    Json,
    /// A page that opens without a server
    Html,
    /// All figures of every date as CSV (RFC 4180) with a header line
    Csv,
    /// Markdown tables
    Markdown,
}
