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
struct Entry {
    view: String,
    digest: String,
    reads: Vec<String>,
    single_users: Option<Reason>,
    /// Name, type, and whether there can be nulls.
    columns: Vec<(String, String, bool)>,
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

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Window};
    use crate::views::registry::Sources;
    use crate::views::{Registry, View};

    fn read(config: &Config, known: &KnownViews) -> (Registry, Sources) {
        Registry::read_knowing(config.into(), known).unwrap()
    }

    #[test]
    fn known_views_are_what_their_plans_tell() {
        let (registry, sources) = read(&Config::default(), &KnownViews::default());
        let entry = |view: &View| Entry {
            view: view.view.clone(),
            digest: digest(&sources[&view.view].text),
            reads: registry.sources(view).iter().map(|view| view.view.clone()).collect(),
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
        let mut other = Config::default();
        other.views.snapshot_dates = vec!["2024-10-02".parse().unwrap(), "newest".parse().unwrap()];
        other.time.zone = Some("Europe/Tallinn".parse().unwrap());
        other.anchors.window = Window::Days(28);
        other.weights.max_weight = 12.5;
        other.weights.interval_z = 2.0;
        for config in [Config::default(), other] {
            let (planned, _) = read(&config, &KnownViews::default());
            let (looked_up, _) = read(&config, &KnownViews::of_program());
            assert_eq!(planned.views(), looked_up.views());
            let views = looked_up.views();
            assert!(views.iter().all(|v| looked_up.is_known(v) && !planned.is_known(v)));
        }
    }

    #[test]
    fn view_without_the_views_that_it_reads_is_planned() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = crate::views::builtin::files().into_iter();
        let (name, text) = files.find(|(name, _)| name == "commuters.sql").unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let mut config = Config::default();
        config.views.dir = Some(folder.path().to_owned());
        config.views.builtin = false;
        let (registry, _) = read(&config, &KnownViews::of_program());
        let view = registry.by_sql_name("commuters").unwrap();
        assert!(matches!(view.single_users, Some(Reason::Unknown(_))), "{view:?}");
        assert!(!registry.is_known(view));
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
