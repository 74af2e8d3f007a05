//! Flags of `mobility check`.

use clap::Args;

#[derive(Debug, Args)]
pub struct Check {
    /// Print, as Markdown, what a report of a fault needs: version, machine, configuration without secrets,
    /// findings, sizes and the last runs
    #[arg(long)]
    pub report: bool,
    /// Print also, for each view, what its header says about its numbers, or what to write there before it can be
    /// published
    #[arg(long, conflicts_with = "report")]
    pub publication: bool,
}
