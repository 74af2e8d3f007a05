//! Flags of `mobility views`.

use std::path::PathBuf;

use clap::Args;

use super::options::ByEngine;

#[derive(Debug, Args)]
pub struct Views {
    /// List the views and change nothing
    #[arg(long)]
    pub list: bool,
    /// Compute every view again
    #[arg(long, conflicts_with = "list")]
    pub refresh: bool,
    /// Compute some periods over all dates and compare them with the stored results
    #[arg(long, conflicts_with_all = ["list", "refresh"])]
    pub verify: bool,
    /// Write the files of the built-in views into a folder, and change nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["list", "refresh", "verify", "engine"])]
    pub export: Option<PathBuf>,
    #[command(flatten)]
    pub engine: ByEngine,
}
