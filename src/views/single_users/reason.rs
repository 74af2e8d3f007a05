//! Why the rows of a view or query count as rows of single users.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::lineage::Lineage;

/// Why the rows of a relation count as rows of single users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// These columns descend from a user id.
    Columns(Vec<String>),
    /// Users are selected by their ids.
    SelectedUsers,
    /// Rows are not aggregated over users.
    RowsOfUsers,
    /// The header of the view says so.
    Declared,
    /// The SQL cannot be analysed.
    Unknown(String),
}

impl Reason {
    /// The reason in a lineage, if there is one; `names` are the names of its columns.
    pub fn of<'a>(lineage: &Lineage, names: impl Iterator<Item = &'a String>) -> Option<Self> {
        let columns = lineage.columns.iter().zip(names);
        let shown: Vec<String> = columns
            .filter(|(origin, _)| origin.is_from_user_id())
            .map(|(_, name)| name.clone())
            .collect();
        if !shown.is_empty() {
            return Some(Reason::Columns(shown));
        }
        if lineage.selects_users {
            return Some(Reason::SelectedUsers);
        }
        lineage.per_user.then_some(Reason::RowsOfUsers)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Columns(names) => match names.as_slice() {
                [name] => write!(f, "column {name} descends from a user id"),
                names => write!(f, "columns {} descend from a user id", names.join(", ")),
            },
            Reason::SelectedUsers => f.write_str("users are selected by their ids, or by a limit"),
            Reason::RowsOfUsers => f.write_str("rows are not aggregated over users"),
            Reason::Declared => f.write_str("the header says so"),
            Reason::Unknown(reason) => write!(f, "the SQL cannot be analysed: {reason}"),
        }
    }
}
