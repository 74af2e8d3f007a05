//! Flags of `mobility purge`.

use chrono::NaiveDate;
use clap::Args;

use super::options::day;

#[derive(Debug, Args)]
pub struct Purge {
    /// First date that is kept
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub before: NaiveDate,
    /// List what would be removed, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}
