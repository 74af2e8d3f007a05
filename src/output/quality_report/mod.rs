//! The quality report: figures, codes and warnings of the requested dates, for the terminal, as
//! Markdown and as JSON.

mod columns;
mod markdown;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use arrow::array::RecordBatch;
use chrono::NaiveDate;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use columns::{Column, main_columns};
pub use markdown::markdown;
pub use terminal::{Look, table};

use crate::checks::{Code, Gap, Limits};
use crate::config::Data;
use crate::datasets::quality_tables::{self, OK};
use crate::domain::tables::Table;
use crate::formats::rows::{from_batch as rows_of, to_batch};
use crate::stages::quality::{
    Bounds, CodeRow, DayFigures, Expectation, Level, Warning, warnings, warnings_of,
};
use crate::warehouse::{Relation, Select, Warehouse};

/// The report of some dates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// In ascending order of date.
    pub dates: Vec<DayFigures>,
    /// By date and file; rows without a date come first.
    pub codes: Vec<CodeRow>,
    pub warnings: Vec<Warning>,
    /// Expected dates without events.
    pub gaps: Vec<Gap>,
    /// Limits that the descriptions of codes name.
    #[serde(skip)]
    pub limits: Limits,
}

/// The rows with one code on all dates of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeSum {
    pub code: String,
    pub disposition: String,
    /// A short description of the code.
    pub meaning: String,
    pub rows: u64,
    /// Percentage of all rows in.
    pub percent: f64,
    pub dates: usize,
    pub files: usize,
}

impl Report {
    /// Computes the warnings for the rows of both tables; `dates` must be in ascending order. Which dates
    /// are missing is told by [`Report::within`].
    pub fn new(dates: Vec<DayFigures>, codes: Vec<CodeRow>, limits: Limits) -> Self {
        let warnings = warnings(&dates);
        Report { dates, codes, warnings, gaps: Vec::new(), limits }
    }

    /// The report of the processed files.
    ///
    /// # Errors
    /// Tables that do not exist or are damaged.
    pub fn read(data: &Data, limits: Limits) -> Result<Self> {
        let dates = quality_tables::read(&data.quality_daily())?;
        let codes = quality_tables::read(&data.quality_codes())?;
        Ok(Report::new(dates, codes, limits))
    }

    /// The report of the warehouse.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn from_warehouse(warehouse: &dyn Warehouse, limits: Limits) -> Result<Self> {
        let dates = rows(warehouse, Table::QualityDaily)?;
        Ok(Report::new(dates, rows(warehouse, Table::QualityCodes)?, limits))
    }

    /// The report of the dates within the bounds, and of those that are missing there. Warnings still
    /// result from a comparison with earlier dates.
    ///
    /// # Errors
    /// A damaged record of what was purged.
    pub fn within(mut self, bounds: Bounds, expectation: &Expectation) -> Result<Self> {
        let present = self.dates.iter().map(|day| day.date).collect();
        self.gaps = expectation.gaps(&present, bounds)?;
        let (from, to) = bounds;
        if from.is_some() || to.is_some() {
            let period = from.unwrap_or(NaiveDate::MIN)..=to.unwrap_or(NaiveDate::MAX);
            self.dates.retain(|day| period.contains(&day.date));
            self.codes.retain(|row| row.date.is_some_and(|date| period.contains(&date)));
            self.warnings.retain(|warning| period.contains(&warning.date));
        }
        self.warnings.extend(warnings_of(&self.gaps));
        self.warnings.sort_by_key(|warning| warning.date);
        Ok(self)
    }

    /// Warnings of at least this level.
    pub fn at_least(&self, level: Level) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(move |warning| warning.level >= level)
    }

    /// Warnings by severity, then by date, the newest first.
    pub fn by_weight(&self) -> Vec<&Warning> {
        let mut all: Vec<&Warning> = self.warnings.iter().collect();
        all.sort_by_key(|w| std::cmp::Reverse((w.level, w.date)));
        all
    }

    pub fn rows_in(&self) -> u64 {
        self.dates.iter().map(|day| day.rows_in).sum()
    }

    pub fn rows_rejected(&self) -> u64 {
        self.dates.iter().map(|day| day.rows_rejected).sum()
    }

    /// Rows without a date.
    pub fn rows_undated(&self) -> u64 {
        self.codes.iter().filter(|row| row.date.is_none()).map(|row| row.rows).sum()
    }

    /// The codes that occur, in the order of the checks, without `ok`.
    pub fn code_sums(&self) -> Vec<CodeSum> {
        let all = self.rows_in() + self.rows_undated();
        let mut rows: BTreeMap<Code, Vec<&CodeRow>> = BTreeMap::new();
        for row in self.codes.iter().filter(|row| row.code != OK) {
            if let Some(code) = Code::ALL.into_iter().find(|code| code.name() == row.code) {
                rows.entry(code).or_default().push(row);
            }
        }
        let sum = |(code, rows): (Code, Vec<&CodeRow>)| {
            let count: u64 = rows.iter().map(|row| row.rows).sum();
            CodeSum {
                code: code.name().to_owned(),
                disposition: code.disposition().name().to_owned(),
                meaning: code.describe(&self.limits).into_owned(),
                rows: count,
                percent: if all == 0 { 0.0 } else { count as f64 * 100.0 / all as f64 },
                dates: rows.iter().filter_map(|r| r.date).collect::<BTreeSet<_>>().len(),
                files: rows.iter().map(|r| &r.file).collect::<BTreeSet<_>>().len(),
            }
        };
        rows.into_iter().map(sum).collect()
    }

    /// The figures as rows.
    ///
    /// # Errors
    /// None in practice: the fields match the columns.
    pub fn daily(&self) -> Result<RecordBatch> {
        to_batch(&self.dates, &Table::QualityDaily.schema())
    }

    /// The report as JSON with `dates`, `codes`, `warnings` and `gaps`.
    ///
    /// # Errors
    /// None in practice: all values have a JSON form.
    pub fn json(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// A summary in one line.
    pub fn headline(&self) -> String {
        use crate::domain::numbers::{counted, grouped};
        let (Some(first), Some(last)) = (self.dates.first(), self.dates.last()) else {
            return match self.warnings.len() {
                0 => "No dates".to_owned(),
                critical => format!("No dates; {critical} critical, 0 warnings"),
            };
        };
        let dates = match self.dates.len() {
            1 => first.date.to_string(),
            n => format!("{n} dates, {} to {}", first.date, last.date),
        };
        let share = match self.rows_in() {
            0 => 0.0,
            all => self.rows_rejected() as f64 * 100.0 / all as f64,
        };
        let critical = self.at_least(Level::Critical).count() as u64;
        let warnings = counted(self.warnings.len() as u64 - critical, "warning");
        format!(
            "Quality of {dates}: {} in, {} rejected ({}); {critical} critical, {warnings}",
            counted(self.rows_in(), "row"),
            grouped(self.rows_rejected()),
            crate::stages::quality::percent(share),
        )
    }
}

fn rows<T: DeserializeOwned>(warehouse: &dyn Warehouse, table: Table) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for batch in warehouse.select(&Select::all(Relation::Table(table)))? {
        all.extend(rows_of(&batch?)?);
    }
    Ok(all)
}
