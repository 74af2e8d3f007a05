//! Tests of what is known of the views of the program, apart from it because they need the registry, which uses it.

use super::known_views::{Entry, KnownViews, digest};
use super::single_users::Reason;
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
    let entries: Vec<String> =
        registry.views().iter().map(|view| serde_json::to_string(&entry(view)).unwrap()).collect();
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
