//! What is known of the views of the program without planning their SQL at each start: their columns, and
//! why their rows count as rows of single users.
//!
//! `known_views.json` has it from the plans, by the text of the files. A test compares it with them, and with
//! `UPDATE_DOCS=1` writes it again. The values of settings do not matter, because they change no type. Any
//! other view is planned.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::single_users::Reason;
use crate::domain::ids::hex;

/// What the plan of a view tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Why its rows count as rows of single users; `None` if they are aggregates.
    pub single_users: Option<Reason>,
    /// `None` if the SQL cannot be planned.
    pub columns: Option<SchemaRef>,
}

/// What is known of a view if all views that it reads are known.
#[derive(Debug)]
pub struct KnownView {
    pub analysis: Analysis,
    /// SQL names of the views that it reads.
    pub reads: Vec<String>,
}

/// Views by the digests of their files.
#[derive(Debug, Default)]
pub struct KnownViews(HashMap<String, KnownView>);

/// One view in `known_views.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub view: String,
    pub digest: String,
    pub reads: Vec<String>,
    pub single_users: Option<Reason>,
    /// Name, type, and whether there can be nulls.
    pub columns: Vec<(String, String, bool)>,
}

impl KnownViews {
    /// Those of the program.
    pub fn of_program() -> Self {
        let entries: Vec<Entry> =
            serde_json::from_str(include_str!("known_views.json")).unwrap_or_default();
        let known = |entry: Entry| {
            let fields: Option<Vec<Field>> = entry.columns.iter().map(field).collect();
            let columns = Some(Arc::new(Schema::new(fields?)));
            let analysis = Analysis { single_users: entry.single_users, columns };
            Some((entry.digest, KnownView { analysis, reads: entry.reads }))
        };
        KnownViews(entries.into_iter().filter_map(known).collect())
    }

    /// The view of a file.
    pub fn find(&self, text: &str) -> Option<&KnownView> {
        self.0.get(&digest(text))
    }
}

fn field((name, data_type, nullable): &(String, String, bool)) -> Option<Field> {
    Some(Field::new(name, DataType::from_str(data_type).ok()?, *nullable))
}

pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..16])
}
