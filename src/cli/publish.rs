//! Flags of `mobility publish`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::Dates;
use crate::config::{Areas, ReleasePeriod};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Publish {
    #[command(subcommand)]
    pub earlier: Option<EarlierReleases>,
    /// Folder of the release, which must not exist yet unless it holds the same release
    #[arg(value_name = "DIR", required_unless_present = "dry_run")]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub dates: Dates,
    /// Release only this view; repeat the flag for several [default: all views whose numbers are classified]
    #[arg(long = "view", value_name = "VIEW")]
    pub views: Vec<String>,
    /// Areas of the numbers; views whose numbers of these areas are not known are left out [default: publish.areas]
    #[arg(long, value_enum, conflicts_with = "audit")]
    pub areas: Option<Areas>,
    /// Shortest period of the numbers; views whose numbers of this period are not known are left out [default:
    /// publish.period]
    #[arg(long, value_enum, conflicts_with = "audit")]
    pub period: Option<ReleasePeriod>,
    /// Show what would be withheld, and what with coarser areas and periods, and write nothing
    #[arg(long, conflicts_with = "audit")]
    pub dry_run: bool,
    /// Look at the release in DIR as an attacker does, who knows nothing else but releases that --with names; exits with
    /// status 1 if a number is known too well
    #[arg(long, requires = "dir", conflicts_with_all = ["views", "date", "from", "to"])]
    pub audit: bool,
    /// Folder of an earlier release that the attacker has as well; repeat the flag for several, the newest first
    #[arg(long = "with", value_name = "DIR", requires = "audit")]
    pub with: Vec<PathBuf>,
    /// Format of what is shown
    #[arg(long, short, value_enum, default_value_t)]
    pub format: PublishFormat,
}

/// What was released before.
#[derive(Debug, Subcommand)]
pub enum EarlierReleases {
    /// List the releases
    List {
        /// Format of the list
        #[arg(long, short, value_enum, default_value_t)]
        format: PublishFormat,
    },
    /// Show what a release holds
    Show {
        /// ID of the release, or a unique prefix of it
        id: String,
        /// Format of what is shown
        #[arg(long, short, value_enum, default_value_t)]
        format: PublishFormat,
    },
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
