//! Flags that several commands share.

use anyhow::{Result, bail};
use chrono::NaiveDate;
use clap::Args;

use crate::config::{Audience, Engine};
use crate::errors::UsageError;

#[derive(Debug, Args)]
pub struct Force {
    /// Do the work again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
}

/// Flag of commands whose work a cluster can do.
#[derive(Debug, Args)]
pub struct ByEngine {
    /// Engine: this machine, or Apache Spark on a cluster [default: native]
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

/// Flag of commands that show numbers.
#[derive(Debug, Clone, Args)]
pub struct ForAudience {
    /// Who reads: analysts, exact numbers from the warehouse; or the public, what `mobility publish` has released
    /// [default: publish.audience]
    #[arg(long, value_enum, value_name = "WHO")]
    pub audience: Option<Audience>,
}

/// A day in a flag.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|error| match error.kind() {
        chrono::format::ParseErrorKind::OutOfRange | chrono::format::ParseErrorKind::Impossible => {
            "the calendar has no such day; write days as YYYY-MM-DD, for example 2024-10-01"
                .to_owned()
        }
        _ => "write days as YYYY-MM-DD, for example 2024-10-01".to_owned(),
    })
}

/// A range of days.
#[derive(Debug, Args)]
pub struct Dates {
    /// Only this day, for example 2024-10-01
    #[arg(long, value_parser = day, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    pub date: Option<NaiveDate>,
    /// First day
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last day
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub to: Option<NaiveDate>,
}

impl Dates {
    /// First and last day, where they are given.
    ///
    /// # Errors
    /// [`UsageError`] for days that end before they begin.
    pub fn bounds(&self) -> Result<(Option<NaiveDate>, Option<NaiveDate>)> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => bail!(UsageError(format!(
                "--from {from} is after --to {to}; give the first day with --from and the last \
                 with --to"
            ))),
            _ => Ok((self.date.or(self.from), self.date.or(self.to))),
        }
    }
}

/// Flags of commands that write CSV.
#[derive(Debug, Args)]
pub struct CsvOptions {
    /// For spreadsheets: in CSV and TSV, put an apostrophe before texts that would be taken for formulas
    #[arg(long)]
    pub csv_safe: bool,
}

impl CsvOptions {
    /// Whether CSV is to be safe for spreadsheets.
    ///
    /// # Errors
    /// [`UsageError`] if the output is not CSV.
    pub fn spreadsheet_safe(&self, is_csv: bool) -> Result<bool> {
        if self.csv_safe && !is_csv {
            bail!(UsageError(
                "--csv-safe concerns CSV; add --format csv, or leave it out".to_owned()
            ));
        }
        Ok(self.csv_safe)
    }
}
