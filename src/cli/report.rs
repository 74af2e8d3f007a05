//! Flags of `mobility report`.

use std::path::PathBuf;

use clap::Args;

use super::options::{Dates, ForAudience};

#[derive(Debug, Args)]
pub struct Report {
    /// File to write, which appears once it is complete: FILE.html, or with --view FILE.svg, .png or .pdf
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Draw this one view instead, with the chart that its header names
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// Write the page about people instead: residents, present devices, commuters, overnight visitors
    #[arg(long, conflicts_with = "view")]
    pub people: bool,
    /// Format [default: by the extension of --output]
    #[arg(long, short, value_enum)]
    pub format: Option<ReportFormat>,
    #[command(flatten)]
    pub dates: Dates,
    /// Title, instead of the period or the title of the view
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// A line of text below the title of the dashboard, or below the chart
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Draw the values of a map per square kilometre
    #[arg(long, requires = "view")]
    pub per_km2: bool,
    #[command(flatten)]
    pub readers: ForAudience,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    Html,
    Svg,
    Png,
    Pdf,
}
