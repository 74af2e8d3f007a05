//! Flags of `mobility extract`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Extract {
    /// Events to copy, instead of extract.events
    #[arg(long, value_name = "URL")]
    pub events: Option<String>,
    /// Cell plans to copy, instead of extract.cells
    #[arg(long, value_name = "URL")]
    pub cells: Option<String>,
    /// Year of the LAU boundaries to copy, instead of extract.lau_year
    #[arg(long, value_name = "YEAR")]
    pub lau_year: Option<u16>,
    /// Folder of the copies, instead of extract.to
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Copy everything again
    #[arg(long)]
    pub force: bool,
}
