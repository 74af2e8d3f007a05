//! A view.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;

use super::growth::{Growth, Unit};
use super::header::{Chart, OrderBy};
use super::publication::Publication;
use super::single_users::Reason;
use super::split::Split;
use crate::config::SnapshotDate;

/// One view, ready to be deployed to a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Query name and route: `users-per-lau`.
    pub name: String,
    /// Name in SQL: `agg_users_per_lau_per_day`.
    pub view: String,
    pub aliases: Vec<String>,
    pub title: String,
    pub description: String,
    /// Order in which rows are listed by default.
    pub order: Vec<OrderBy>,
    pub chart: Chart,
    /// Why rows count as rows of single users; `None` if they are aggregates over users.
    pub single_users: Option<Reason>,
    /// The dates that the rows of a period depend on, so that periods can be computed separately; `None` if
    /// the view can only be computed as a whole.
    pub growth: Option<Growth>,
    /// The column with the first date of the period of a row. `None` with a plain `by: date`, where all rows
    /// that are computed from a date are rows of that date; otherwise, rows of other periods than the one
    /// that is computed are incomplete and left out.
    pub period: Option<String>,
    /// The column that holds the sum over all dates in the one row for each different value of the other
    /// columns. The view is then no collection of rows by date.
    pub accumulate: Option<String>,
    /// How views that are computed by period see the rows of this one, which is computed as a whole.
    pub split: Option<Split>,
    /// The view that names, for each date, the windows whose rows are read of views that have some for longer
    /// periods than a date. Without it, the windows with the dates are read.
    pub windows: Option<String>,
    /// What the header says about the numbers.
    pub publication: Publication,
    /// The columns, with the types of DataFusion; `None` if the SQL cannot be planned with it.
    pub columns: Option<SchemaRef>,
    /// The date of a snapshot view.
    pub snapshot: Option<SnapshotDate>,
    /// The SELECT with settings filled in; its line numbers are those of the file.
    pub sql: String,
    pub file: PathBuf,
}

/// The SELECT of a view without the semicolon at its end, which it may not have inside another statement.
pub fn without_semicolon(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';')
}

impl View {
    /// True if rows belong to single users.
    pub fn single_users(&self) -> bool {
        self.single_users.is_some()
    }

    /// True if the rows of a date depend on the events of that date alone, and the result has them date by
    /// date.
    pub fn is_by_date(&self) -> bool {
        self.growth == Some(Growth::BY_DATE) && self.period.is_none() && self.accumulate.is_none()
    }

    /// True if there is a row for each key, so that numbers may be zero. Else rows exist only where there are
    /// devices.
    pub fn has_every_key(&self) -> bool {
        self.publication.keys.as_ref().is_some_and(|keys| keys.are_complete())
    }

    /// The columns with numbers, as far as the header states them.
    pub fn measures(&self) -> Vec<String> {
        let counts = self.publication.counts.iter().flatten();
        counts.map(|measure| measure.column.clone()).collect()
    }

    /// True if the period from `start` has any of the dates from the first to the last one.
    pub fn overlaps(&self, start: NaiveDate, (first, last): (NaiveDate, NaiveDate)) -> bool {
        let unit = self.growth.map(|growth| growth.unit);
        let unit = unit.or(self.split.as_ref().map(|split| split.unit));
        let end = unit.map_or(start, |unit| unit.end(start));
        start <= last && end >= first
    }

    /// True if the windows of the source that are read are those that another view names.
    pub fn reads_named_windows_of(&self, source: &View) -> bool {
        self.windows.is_some() && source.growth.is_some_and(|growth| growth.unit != Unit::Date)
    }

    /// View and file, for messages.
    pub fn place(&self) -> String {
        format!("view {} ({})", self.view, self.file.display())
    }

    /// The error with view and file before it, unless it states them already.
    pub fn placed(&self, error: anyhow::Error) -> anyhow::Error {
        let place = self.place();
        if error.to_string() == place { error } else { error.context(place) }
    }

    /// Query name, SQL name and aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str(), self.view.as_str()]
            .into_iter()
            .chain(self.aliases.iter().map(String::as_str))
    }
}
