//! Flags of `mobility init`.

use clap::Args;

#[derive(Debug, Args)]
pub struct Init {
    /// Event files: a file, folder, glob or URL; may be repeated [default: data/raw/events]
    #[arg(long, value_name = "PATH")]
    pub events: Vec<String>,
    /// Files of the cell plan; may be repeated [default: data/raw/cells]
    #[arg(long, value_name = "PATH")]
    pub cells: Vec<String>,
    /// Files of LAU boundaries; may be repeated [default: data/raw/lau_boundaries]
    #[arg(long, value_name = "PATH")]
    pub lau: Vec<String>,
    /// Replace a configuration file that exists
    #[arg(long)]
    pub force: bool,
}
