//! Flags of `mobility synth`.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;

use super::options::day;
use crate::stages::synth::Layout;

#[derive(Debug, Args)]
pub struct Synth {
    /// Folder to write events/, cells/ and lau_boundaries/ into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of users [default: in proportion to events, 150,000 for 40.7 million a day]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub users: Option<u64>,
    /// Generate this many devices with lives instead: homes, work places, holidays, trips, phones that lie
    /// still; the number of events follows from them
    #[arg(long, value_name = "DEVICES", value_parser = clap::value_parser!(u64).range(1..=20_000_000),
          conflicts_with_all = ["users", "events"])]
    pub people: Option<u64>,
    /// Change all pseudonyms from this day on; more than once for several days
    #[arg(long, value_name = "DATE", value_parser = day, requires = "people")]
    pub rotate: Vec<NaiveDate>,
    /// Number of events per day
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Number of cells
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub cells: u64,
    /// Number of LAUs in the main country; a second country gets about half as many
    #[arg(long, default_value_t = 79, value_parser = clap::value_parser!(u64).range(1..=98_000))]
    pub laus: u64,
    /// Number of days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    pub days: u32,
    /// First day
    #[arg(long, value_parser = day, default_value = "2024-10-01", value_name = "DATE")]
    pub start: NaiveDate,
    /// Seed of the random numbers; the same seed gives the same bytes
    #[arg(long, default_value_t = 20_241_001)]
    pub seed: u64,
    /// Formats, column names and identifiers of the files
    #[arg(long, value_enum, default_value_t)]
    pub layout: Layout,
}
