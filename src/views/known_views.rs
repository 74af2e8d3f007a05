//! What is known of the views of the program without planning their SQL at each start: their columns, and
//! why their rows count as rows of single users.
//!
//! `known_views.json` has it from the plans. A test compares it with them, and with `UPDATE_DOCS=1` writes it
//! again. A view with another SQL, because it is the user's or for other settings, is planned.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::single_users::Reason;
use super::template::without_snapshot_date;
use super::view::View;
use crate::domain::ids::hex;

/// What the plan of a view tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Why its rows count as rows of single users; `None` if they are aggregates.
    pub single_users: Option<Reason>,
    /// `None` if the SQL cannot be planned.
    pub columns: Option<SchemaRef>,
}

/// The analyses of views by their digests.
#[derive(Debug, Default)]
pub struct KnownViews(HashMap<String, Analysis>);

/// One view in `known_views.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    view: String,
    digest: String,
    single_users: Option<Reason>,
    /// Name, type, and whether there can be nulls.
    columns: Vec<(String, String, bool)>,
}

impl KnownViews {
    /// Those of the program, with the default settings.
    pub fn of_program() -> Self {
        let entries: Vec<Entry> =
            serde_json::from_str(include_str!("known_views.json")).unwrap_or_default();
        let known = |entry: Entry| {
            let fields: Option<Vec<Field>> = entry.columns.iter().map(field).collect();
            let columns = Some(Arc::new(Schema::new(fields?)));
            Some((entry.digest, Analysis { single_users: entry.single_users, columns }))
        };
        KnownViews(entries.into_iter().filter_map(known).collect())
    }

    /// What is known of a view if all that it reads is known; `declared` is the key `single_users` of its
    /// header.
    pub fn find(&self, view: &View, declared: Option<bool>) -> Option<&Analysis> {
        self.0.get(&digest(view, declared))
    }
}

fn field((name, data_type, nullable): &(String, String, bool)) -> Option<Field> {
    Some(Field::new(name, DataType::from_str(data_type).ok()?, *nullable))
}

/// A hash of all that the analysis of a view depends on besides the relations that it reads. It is the same
/// for snapshots of all dates.
fn digest(view: &View, declared: Option<bool>) -> String {
    let (name, sql) = without_snapshot_date(view);
    let mut hash = Sha256::new();
    hash.update(format!("{name}\n{declared:?}\n"));
    hash.update(sql);
    hex(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::views::Registry;
    use crate::views::registry::Declared;

    fn read(config: &Config, known: &KnownViews) -> (Registry, Declared) {
        Registry::read_knowing(config.into(), known).unwrap()
    }

    #[test]
    fn known_views_are_what_their_plans_tell() {
        let (registry, declared) = read(&Config::default(), &KnownViews::default());
        let entry = |view: &View| Entry {
            view: without_snapshot_date(view).0,
            digest: digest(view, declared[&view.view]),
            single_users: view.single_users.clone(),
            columns: view
                .columns
                .iter()
                .flat_map(|columns| columns.fields())
                .map(|f| (f.name().clone(), f.data_type().to_string(), f.is_nullable()))
                .collect(),
        };
        let entries: Vec<String> = registry
            .views()
            .iter()
            .map(|view| serde_json::to_string(&entry(view)).unwrap())
            .collect();
        let text = format!("[\n{}\n]\n", entries.join(",\n"));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/views/known_views.json");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap();
        assert!(written == text, "outdated: UPDATE_DOCS=1 cargo test --lib known_views");
    }

    #[test]
    fn views_are_the_same_whether_known_or_planned() {
        let known = KnownViews::of_program();
        let (planned, declared) = read(&Config::default(), &KnownViews::default());
        let (looked_up, _) = read(&Config::default(), &known);
        assert_eq!(planned.views(), looked_up.views());
        let is_known = |view: &View| known.find(view, declared[&view.view]).is_some();
        assert!(planned.views().iter().all(is_known));
    }

    #[test]
    fn views_over_a_replaced_view_are_planned_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("night_places.sql"), "SELECT 1 AS one").unwrap();
        let mut config = Config::default();
        config.views.dir = Some(folder.path().to_owned());
        let (registry, _) = read(&config, &KnownViews::of_program());
        let view = registry.by_sql_name("overnight_stays").unwrap();
        assert!(matches!(view.single_users, Some(Reason::Unknown(_))), "{view:?}");
    }
}
