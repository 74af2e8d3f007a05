//! Flags of `mobility runs`.

use clap::Args;

use super::options::CsvOptions;

#[derive(Debug, Args)]
pub struct Runs {
    /// Id of a run, or a unique prefix of it
    pub run_id: Option<String>,
    /// Maximum number of runs
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "run_id")]
    pub limit: usize,
    /// Output format
    #[arg(long, short, value_enum, default_value_t)]
    pub format: RunsFormat,
    #[command(flatten)]
    pub csv: CsvOptions,
}

/// Formats of the list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum RunsFormat {
    /// A table for a terminal
    #[default]
    Table,
    /// All columns of the table runs as CSV (RFC 4180) with a header line
    Csv,
    /// A JSON array of objects
    Json,
    /// One JSON object per line
    Ndjson,
    /// A Markdown table
    Markdown,
}
