//! Flags of `mobility demo`.

use clap::Args;

#[derive(Debug, Args)]
pub struct Demo {
    /// Number of events per day
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Number of days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub bind: String,
    /// Do not open a browser
    #[arg(long)]
    pub no_browser: bool,
}
