//! Flags of `mobility run-all`.

use chrono::NaiveDate;
use clap::Args;

use super::options::{ByEngine, day};
use crate::stages::pipeline::Stage;

#[derive(Debug, Args)]
pub struct RunAll {
    /// First stage to run
    #[arg(long, value_enum, value_name = "STAGE", conflicts_with = "only")]
    pub from: Option<Stage>,
    /// Run only this stage
    #[arg(long, value_enum, value_name = "STAGE")]
    pub only: Option<Stage>,
    /// Do the work again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
    /// Leave the events of earlier dates as they are, even if their inputs changed
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub since: Option<NaiveDate>,
    #[command(flatten)]
    pub engine: ByEngine,
}
