//! A view.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;

use super::header::{Chart, OrderBy};
use super::single_users::Reason;
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
    /// True if the rows of a day depend only on the events of that day, so that days can be computed
    /// separately.
    pub by_date: bool,
    /// The columns, with the types of DataFusion; `None` if the SQL cannot be planned with it.
    pub columns: Option<SchemaRef>,
    /// The date of a snapshot view.
    pub snapshot: Option<SnapshotDate>,
    /// The SELECT with settings filled in; its line numbers are those of the file.
    pub sql: String,
    pub file: PathBuf,
}

impl View {
    /// True if rows belong to single users.
    pub fn single_users(&self) -> bool {
        self.single_users.is_some()
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
