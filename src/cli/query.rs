//! Flags of `mobility query`.

use std::path::PathBuf;

use clap::Args;

use super::options::{CsvOptions, Dates, ForAudience};
use crate::output::formats::Format;

#[derive(Debug, Args)]
pub struct Query {
    /// Query name, view name, alias or table; `--list` lists the views
    #[arg(conflicts_with_all = ["list", "sql"])]
    pub view: Option<String>,
    /// List the views and tables with their columns
    #[arg(long, conflicts_with = "sql")]
    pub list: bool,
    /// Run your own read-only SELECT, DESCRIBE or SHOW TABLES; `-` reads it from standard input, and
    /// `@FILE` from a file
    #[arg(long, value_name = "SELECT", allow_hyphen_values = true, conflicts_with_all = ["date", "from", "to", "lau", "order_by", "limit", "offset"])]
    pub sql: Option<String>,
    /// Output format [default: by the extension of --output, else table]
    #[arg(long, short, value_enum)]
    pub format: Option<Format>,
    /// Write to a file, which appears once it is complete; FILE.gz is compressed
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// In a table on a terminal, show all columns and values in full, however long the lines are
    #[arg(long)]
    pub wide: bool,
    /// In place of a table, show each row with one line per column
    #[arg(long, conflicts_with = "wide")]
    pub vertical: bool,
    /// Compress the output with gzip, whatever its name is
    #[arg(long)]
    pub compress: bool,
    #[command(flatten)]
    pub csv: CsvOptions,
    /// Maximum number of rows
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Number of rows to skip
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub offset: u64,
    #[command(flatten)]
    pub dates: Dates,
    /// GeoJSON and GeoPackage: the rows of all dates instead of the newest one
    #[arg(long, conflicts_with_all = ["date", "from", "to", "sql"])]
    pub all_dates: bool,
    /// Only this lau_id (GISCO_ID)
    #[arg(long, value_name = "ID")]
    pub lau: Option<String>,
    /// Columns to order by, separated by commas; append `:desc` for descending order
    #[arg(long, value_name = "COL[:desc]", value_delimiter = ',')]
    pub order_by: Vec<String>,
    #[command(flatten)]
    pub readers: ForAudience,
}
