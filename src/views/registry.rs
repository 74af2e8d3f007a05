//! The view registry: all views with their names, and the lookup of a view by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::builtin;
use super::files::{self, ViewFile};
use super::known_views::KnownViews;
use super::presence_rules::PresenceRules;
use super::settings::Settings;
use super::template::{self, date_suffix};
use super::view::View;
use crate::domain::tables::Table;
use crate::errors::{UsageError, nearest};

/// Where a view comes from.
#[derive(Debug)]
pub(super) struct Source {
    /// The key `single_users` of the header.
    pub declared: Option<bool>,
    /// The text of the file.
    pub text: String,
}

/// By the SQL names of the views.
pub(super) type Sources = BTreeMap<String, Source>;

/// What a registry of released views knows besides them.
#[derive(Debug, Clone, Default)]
pub(super) struct Released {
    pub tables: Vec<Table>,
    /// Why views and tables are not there, by each of their names, with hyphens.
    pub reasons: BTreeMap<String, String>,
}

/// All views, by query name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    pub(super) views: Vec<View>,
    /// SQL names of the views that the user's files define, and not the program.
    own: BTreeSet<String>,
    /// SQL names of the views with the text of a file of the program.
    shipped: BTreeSet<String>,
    /// SQL names of the views that were not planned, see [`KnownViews`].
    pub(super) known: BTreeSet<String>,
    /// User's files that replace built-in views with other ones, and the SQL names of these.
    replaced: BTreeMap<PathBuf, Vec<String>>,
    presence_rules: PresenceRules,
    /// Set if this is what a public reader sees.
    pub(super) released: Option<Released>,
}

impl Registry {
    /// The views that are built into the program, unless `views.builtin` is false, and those of the files
    /// in `views.dir`. A file with the SQL name of a built-in view replaces it. A snapshot template becomes
    /// one view for each of `views.snapshot_dates`.
    ///
    /// # Errors
    /// A folder that cannot be read, an invalid header (file and line), two views with the same name.
    pub fn read(settings: Settings) -> Result<Self> {
        Ok(Registry::read_knowing(settings, &KnownViews::of_program())?.0)
    }

    /// As [`Self::read`], with the sources of the views; those that are not in `known` are planned.
    pub(super) fn read_knowing(settings: Settings, known: &KnownViews) -> Result<(Self, Sources)> {
        let presence_rules = settings.into();
        let mut registry = Registry { presence_rules, ..Registry::default() };
        let mut sources = Sources::new();
        let views_of = |file: &ViewFile| {
            template::views(&file.path, &file.text, settings)
                .with_context(|| format!("view file {}", file.path.display()))
        };
        for file in files::of_program(settings.views) {
            let (declared, views) = views_of(&file)?;
            sources.extend(
                views
                    .iter()
                    .map(|view| (view.view.clone(), Source { declared, text: file.text.clone() })),
            );
            registry.views.extend(views);
        }
        registry.shipped = registry.views.iter().map(|view| view.view.clone()).collect();
        let of_program: BTreeSet<String> =
            builtin::files().into_iter().map(|(_, text)| text).collect();
        let mut own = Vec::new();
        for file in files::of_user(settings.views)? {
            let (declared, views) = views_of(&file)?;
            sources.extend(
                views
                    .iter()
                    .map(|view| (view.view.clone(), Source { declared, text: file.text.clone() })),
            );
            for view in &views {
                match of_program.contains(&file.text) {
                    true => registry.shipped.insert(view.view.clone()),
                    false => registry.shipped.remove(&view.view),
                };
            }
            own.extend(views);
        }
        registry.add(own);
        registry.refuse_duplicate_names()?;
        registry.classify(&sources, known)?;
        Ok((registry, sources))
    }

    /// Adds the user's views. One with the SQL name of a built-in view takes its place and keeps its query
    /// names, so that whoever asks for these gets the new view.
    fn add(&mut self, own: Vec<View>) {
        let claimed: BTreeSet<String> =
            own.iter().flat_map(View::names).map(str::to_owned).collect();
        for mut view in own {
            let is_new = self.own.insert(view.view.clone());
            let replaced = self.views.iter_mut().find(|v| is_new && v.view == view.view);
            let Some(replaced) = replaced else {
                self.views.push(view);
                continue;
            };
            let is_the_same = View { file: replaced.file.clone(), ..view.clone() } == *replaced;
            if !is_the_same {
                let kept = replaced.names().filter(|name| !claimed.contains(*name));
                view.aliases.extend(kept.map(str::to_owned));
                self.replaced.entry(view.file.clone()).or_default().push(view.view.clone());
            }
            *replaced = view;
        }
    }

    /// The views that the program ships, and copies of them, but none that replaces them with another.
    pub fn shipped(&self) -> impl Iterator<Item = &View> {
        self.views.iter().filter(|view| self.shipped.contains(&view.view))
    }

    /// True for a view of the program that only reads others of the program, so that it can be planned on every
    /// warehouse.
    pub fn is_known(&self, view: &View) -> bool {
        self.known.contains(&view.view)
    }

    /// True if the view and all that it reads are views that the program ships, or copies of them.
    pub fn is_shipped(&self, view: &View) -> bool {
        let is_shipped = |view: &View| self.shipped.contains(&view.view);
        let sources = self.dependencies(view);
        is_shipped(view) && sources.is_ok_and(|all| all.into_iter().all(is_shipped))
    }

    /// The settings of views over hourly presence.
    pub fn presence_rules(&self) -> &PresenceRules {
        &self.presence_rules
    }

    /// Number of views that the user's files define.
    pub fn own_views(&self) -> usize {
        self.own.len()
    }

    /// One remark for each file of the user that replaces built-in views with others.
    pub fn remarks(&self) -> Vec<String> {
        let remark = |(file, views): (&PathBuf, &Vec<String>)| {
            let noun = if views.len() == 1 { "view" } else { "views" };
            format!("{} replaces the built-in {noun} {}", file.display(), views.join(", "))
        };
        self.replaced.iter().map(remark).collect()
    }

    /// True for a view of the user that replaces a built-in one with another.
    pub fn replaces_builtin(&self, view: &View) -> bool {
        self.replaced.values().flatten().any(|name| *name == view.view)
    }

    /// Views in the order of their files, those of the program first.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The view with an SQL name.
    pub fn by_sql_name(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|v| v.view == name)
    }

    /// The view with a query name, view name or alias.
    ///
    /// # Errors
    /// [`UsageError`] with the nearest name.
    pub fn find(&self, name: &str) -> Result<&View> {
        let known = || self.views.iter().flat_map(|v| v.names().map(move |n| (n, v)));
        if let Some((_, view)) = known().find(|(n, _)| *n == name) {
            return Ok(view);
        }
        if let Some(reason) = self.reason_for(name) {
            return Err(anyhow!(UsageError(format!(
                "{reason}; `mobility query --list --audience public` lists what was released"
            ))));
        }
        let tables = self.tables().iter().map(|t| t.name());
        let hint = match nearest(name, known().map(|(n, _)| n).chain(tables)) {
            Some(near) if date_suffix(name).is_some_and(|day| !near.ends_with(day)) => format!(
                "there is {near:?}; add the date to views.snapshot_dates to get snapshot views of it"
            ),
            Some(near) => format!("did you mean {near:?}?"),
            None => "`mobility query --list` lists the views".to_owned(),
        };
        Err(anyhow!(UsageError(format!("no view or table {name:?}; {hint}"))))
    }

    /// A suggestion for an unknown relation in SQL.
    pub fn hint_for_sql(&self, name: &str) -> Option<String> {
        if let Ok(view) = self.find(name) {
            return Some(format!("in SQL that view is named {}", view.view));
        }
        let views = self.views.iter().map(|v| v.view.as_str());
        let near = nearest(name, self.tables().iter().map(|t| t.name()).chain(views))?;
        Some(format!("did you mean {near:?}?"))
    }

    /// How a view of the user replaces the first view of a file, if that one is built in.
    fn how_to_replace(&self, file: &Path) -> String {
        match self.views.iter().find(|v| v.file == file && !self.own.contains(&v.view)) {
            Some(view) => {
                format!(", or replace the built-in view with `-- view: {}`", view.view)
            }
            None => String::new(),
        }
    }

    fn refuse_duplicate_names(&self) -> Result<()> {
        let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
        for view in &self.views {
            for name in view.names() {
                // the same view may have one name in SQL and on the command line
                match seen.insert(name, &view.file) {
                    Some(other) if other != view.file => bail!(
                        "{name:?} is the name of two views, {} and {}; rename one of them{}",
                        other.display(),
                        view.file.display(),
                        self.how_to_replace(other)
                    ),
                    _ => {}
                }
            }
            if Table::from_name(&view.view).is_some() {
                bail!("view file {}: {} is the name of a table", view.file.display(), view.view);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn builtin() -> Registry {
        Registry::read((&Config::default()).into()).unwrap()
    }

    #[test]
    fn every_name_of_the_contract_finds_its_view() {
        let registry = builtin();
        let contract = [
            ("number-of-events-per-hour", "agg_events_per_hour"),
            ("number-of-unique-users-per-hour", "agg_unique_users_per_hour"),
            ("number-of-unique-cells-per-user", "agg_cell_count_per_user_per_day"),
            ("users-per-lau", "agg_users_per_lau_per_day"),
            ("unique-users-per-lau-per-day", "unique_users_per_lau_per_day"),
            ("unique-locations-per-user-per-day", "unique_locations_per_user_per_day"),
            ("user-location-distribution", "user_location_distribution"),
            ("users-per-lau-day-night", "view_users_per_lau_day_night"),
            ("events-per-hour-2024-10-01", "events_per_hour_2024_10_01"),
            ("users-per-lau-2024-10-01", "unique_users_per_lau_2024_10_01"),
            ("users-per-day", "users_per_day"),
            ("users-per-week", "users_per_week"),
            ("users-per-month", "users_per_month"),
            ("user-cell-dates", "user_cell_dates"),
            ("night-places", "night_places"),
            ("anchors", "anchors"),
            ("residents-per-lau", "residents_per_lau"),
            ("commuters", "commuters"),
            ("overnight-stays", "overnight_stays"),
            ("present-per-lau", "present_per_lau"),
            ("present-coverage", "present_coverage"),
            ("population-weights", "population_weights"),
            ("present-estimate", "present_estimate"),
            ("commuters-estimate", "commuters_estimate"),
            ("overnight-estimate", "overnight_estimate"),
            ("od-pairs-per-day", "od_pairs_per_day"),
            ("trips-od", "trips_od"),
            ("flow-balance", "flow_balance"),
            ("trips-per-device", "trips_per_device"),
            ("trip-distances", "trip_distances"),
            ("dwell-per-lau", "dwell_per_lau"),
            ("unique-users-per-hour", "agg_unique_users_per_hour"),
            ("number-of-unique-locations-per-user-per-day", "unique_locations_per_user_per_day"),
            ("number-of-unique-users-per-lau-per-day", "unique_users_per_lau_per_day"),
            ("number-of-users-per-lau-on-2024-10-01", "unique_users_per_lau_2024_10_01"),
            ("number-of-events-per-hour-on-2024-10-01", "events_per_hour_2024_10_01"),
            ("distribution-of-users-by-unique-locations", "user_location_distribution"),
            ("number-of-unique-users-per-lau-day-vs-night", "view_users_per_lau_day_night"),
        ];
        for (name, view) in contract {
            assert_eq!(registry.find(name).unwrap().view, view);
            assert_eq!(registry.find(view).unwrap().view, view);
        }
        assert_eq!(registry.views().len(), 42);
    }

    #[test]
    fn only_the_views_of_single_users_are_marked() {
        let marked: Vec<_> =
            builtin().views.iter().filter(|v| v.single_users()).map(|v| v.view.clone()).collect();
        assert_eq!(
            marked,
            [
                "agg_cell_count_per_user_per_day",
                "anchors",
                "night_anchors",
                "night_places",
                "present_places",
                "unique_locations_per_user_per_day",
                "user_cell_dates",
                "work_sites",
                "workday_sites"
            ]
        );
    }

    /// The views of a user's files, in a registry with those of the program.
    fn with_files(files: &[(&str, &str)]) -> Result<Registry> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut config = Config::default();
        config.views.dir = Some(folder.path().to_owned());
        Registry::read((&config).into())
    }

    #[test]
    fn views_over_other_tables_or_whole_views_are_computed_as_a_whole() {
        let registry = with_files(&[
            ("own_a.sql", "-- by: date+1\nSELECT date, lau_name FROM mobile_events_placed, lau"),
            ("own_b.sql", "-- by: month\nSELECT date AS month FROM own_a"),
            ("own_c.sql", "SELECT month FROM own_b"),
            ("own_d.sql", "-- by: date\nSELECT month FROM own_c"),
            ("own_e.sql", "-- by: date\nSELECT date FROM quality_daily"),
            ("own_f.sql", "-- by: date\nSELECT cell_id FROM user_cell_dates"),
        ])
        .unwrap();
        let growth = |name: &str| {
            let view = registry.find(name).unwrap();
            (view.growth.map(|growth| growth.to_string()), view.period.clone())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(growth("own-a"), (some("date+1"), some("date")));
        assert_eq!(growth("own-b"), (some("month"), some("month")));
        for whole in ["own-c", "own-d", "own-e", "own-f"] {
            assert_eq!(growth(whole), (None, None), "{whole}");
        }
        assert_eq!(growth("users-per-week"), (some("week"), some("week")));
        assert_eq!(growth("users-per-lau"), (some("date"), None));
        let accumulated = registry.find("user-cell-dates").unwrap();
        assert_eq!(accumulated.accumulate.as_deref(), Some("dates"));
    }

    #[test]
    fn columns_of_periods_and_sums_must_exist_with_their_types() {
        let from = "FROM mobile_events_compressed";
        for (header, columns, words) in [
            ("by: week", "date", "needs the column week, but the columns are date"),
            (
                "by: date+1\n-- period: hour",
                "hour",
                "the column hour of the key period must have the type DATE",
            ),
            ("by: date\n-- accumulate: n", "user_id", "the key accumulate needs the column n"),
            ("by: date\n-- accumulate: user_id", "user_id", "must have the type BIGINT"),
        ] {
            let text = format!("-- {header}\nSELECT {columns} {from}");
            let error = with_files(&[("v.sql", &text)]).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("v.sql"), "{error}");
        }
    }

    #[test]
    fn a_typing_error_and_an_unlisted_date_get_a_suggestion() {
        let error = builtin().find("user-per-lau").unwrap_err().to_string();
        assert!(error.contains("\"users-per-lau\""), "{error}");
        let error = builtin().find("events-per-hour-2024-10-02").unwrap_err().to_string();
        assert!(error.contains("views.snapshot_dates"), "{error}");
    }

    #[test]
    fn every_snapshot_day_has_its_views_and_settings_are_filled_in() {
        let dates = ["2024-10-01", "2024-10-02"];
        let mut config = Config::default();
        config.views.snapshot_dates = dates.iter().map(|d| d.parse().unwrap()).collect();
        config.time.day_start = 6;
        let registry = Registry::read((&config).into()).unwrap();
        assert_eq!(registry.views().len(), 44);
        let second = registry.find("users-per-lau-2024-10-02").unwrap();
        assert!(second.sql.contains("DATE '2024-10-02'"), "{}", second.sql);
        let night = registry.find("users-per-lau-day-night").unwrap();
        assert!(night.sql.contains(">= 6") && !night.sql.contains(":day"), "{}", night.sql);
    }
}
