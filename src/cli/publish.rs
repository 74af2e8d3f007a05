//! Flags of `mobility publish`.

use std::path::PathBuf;

use clap::Args;

use super::options::Dates;

#[derive(Debug, Args)]
pub struct Publish {
    /// Folder of the release, which must not exist yet unless it holds the same release
    #[arg(value_name = "DIR", required_unless_present_any = ["dry_run", "list", "show"])]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub dates: Dates,
    /// Release only this view; repeat the flag for several [default: all views whose numbers are classified]
    #[arg(long = "view", value_name = "VIEW")]
    pub views: Vec<String>,
    /// Show what would be withheld, and write nothing
    #[arg(long, conflicts_with_all = ["audit", "list", "show"])]
    pub dry_run: bool,
    /// Look at the release in DIR as an attacker does, who knows nothing else; exits with status 1 if a number is
    /// known too well
    #[arg(long, requires = "dir", conflicts_with_all = ["views", "date", "from", "to", "list", "show"])]
    pub audit: bool,
    /// List the releases
    #[arg(long, conflicts_with_all = ["dir", "views", "date", "from", "to", "show"])]
    pub list: bool,
    /// Show what a release holds, by its ID or a unique prefix of it
    #[arg(long, value_name = "ID", conflicts_with_all = ["dir", "views", "date", "from", "to"])]
    pub show: Option<String>,
    /// Format of what is shown
    #[arg(long, short, value_enum, default_value_t)]
    pub format: PublishFormat,
}

/// Formats of what `mobility publish` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PublishFormat {
    /// A table for a terminal
    #[default]
    Table,
    /// One JSON document
    Json,
}
