//! Flags of `mobility compress`.

use chrono::NaiveDate;
use clap::Args;

use super::options::{ByEngine, day};

#[derive(Debug, Args)]
pub struct Compress {
    /// Compute every date again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
    /// Leave earlier dates as they are, even if their inputs changed
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub since: Option<NaiveDate>,
    #[command(flatten)]
    pub engine: ByEngine,
}
