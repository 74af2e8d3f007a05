//! The view registry: all views with their names, and the lookup of a view by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use chrono::NaiveDate;

use super::builtin;
use super::header::{Chart, OrderBy, parse};
use super::single_users::{Planner, Reason};
use crate::config::{Time, Views};
use crate::domain::tables::Table;
use crate::errors::{UsageError, nearest};
use crate::runtime::text_file;

/// Placeholder for the date in the header of a snapshot template.
const DATE_IN_HEADER: &str = "{snapshot_date}";
/// Placeholder for the date in its SQL, in the form of a psql variable, so that psql can run the file
/// unchanged.
const DATE_IN_SQL: &str = ":'snapshot_date'";

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
}

/// All views, by query name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    views: Vec<View>,
}

impl Registry {
    /// Reads the view files in `views.dir`, or the built-in ones if it is not set. A snapshot template
    /// becomes one view for each of `views.snapshot_dates`.
    ///
    /// # Errors
    /// A folder without view files, an invalid header (file and line), two views with the same name.
    pub fn read(settings: &Views, time: &Time) -> Result<Self> {
        let files = match &settings.dir {
            Some(folder) => files_in(folder)?,
            None => builtin::files()
                .into_iter()
                .map(|(name, text)| (Path::new("built-in").join(name), text))
                .collect(),
        };
        let mut views = Vec::new();
        let mut declared = BTreeMap::new();
        for (file, text) in files {
            let (header, from_file) = from_file(&file, &text, settings, time)
                .with_context(|| format!("view file {}", file.display()))?;
            declared.extend(from_file.iter().map(|view| (view.view.clone(), header)));
            views.extend(from_file);
        }
        let mut registry = Registry { views };
        registry.refuse_duplicate_names()?;
        registry.classify(&declared)?;
        Ok(registry)
    }

    /// Decides for each view whether its rows belong to single users. `declared` is the key
    /// `single_users` of each header, by the name of the view.
    fn classify(&mut self, declared: &BTreeMap<String, Option<bool>>) -> Result<()> {
        let planner = Planner::new()?;
        let mut reasons = BTreeMap::new();
        for view in self.without_cycles() {
            let header = declared.get(&view.view).copied().flatten();
            let reason = planner.view(&view.view, &view.sql, header == Some(true));
            if header == Some(false)
                && let Some(reason) = &reason
            {
                bail!(
                    "view file {}: the header has single_users: no, but {reason}; remove the key, \
                     or change the SQL",
                    view.file.display()
                );
            }
            reasons.insert(view.view.clone(), reason);
        }
        let of_cycle = || Some(Reason::Unknown("it depends on itself".to_owned()));
        for view in &mut self.views {
            view.single_users = reasons.remove(&view.view).unwrap_or_else(of_cycle);
        }
        Ok(())
    }

    /// Why the rows of a query over tables and views count as rows of single users; `None` if they are
    /// aggregates over users.
    ///
    /// # Errors
    /// None in practice: a planner can always be made.
    pub fn single_users_in(&self, sql: &str) -> Result<Option<Reason>> {
        let planner = Planner::new()?;
        for view in self.without_cycles() {
            planner.view(&view.view, &view.sql, view.single_users());
        }
        Ok(planner.query(sql))
    }

    /// Views in the order of their files.
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
        let known = || self.views.iter().flat_map(|v| names(v).map(move |n| (n, v)));
        if let Some((_, view)) = known().find(|(n, _)| *n == name) {
            return Ok(view);
        }
        let tables = Table::ALL.iter().map(|t| t.name());
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
        let near = nearest(name, Table::ALL.iter().map(|t| t.name()).chain(views))?;
        Some(format!("did you mean {near:?}?"))
    }

    fn refuse_duplicate_names(&self) -> Result<()> {
        let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
        for view in &self.views {
            for name in names(view) {
                // the same view may have one name in SQL and on the command line
                match seen.insert(name, &view.file) {
                    Some(other) if other != view.file => bail!(
                        "{name:?} is the name of two views, {} and {}; rename one of them",
                        other.display(),
                        view.file.display()
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

/// Paths and texts of the view files in a folder, by name.
fn files_in(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| {
            format!(
                "views.dir: the folder {} cannot be read; correct the path, or remove \
                 views.dir to use the built-in views",
                folder.display()
            )
        })?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("views.dir: no .sql file in {}", folder.display());
    }
    let read = |file: PathBuf| {
        let text = text_file::read(&file)
            .with_context(|| format!("view file {} cannot be read", file.display()))?;
        Ok((file, text))
    };
    files.into_iter().map(read).collect()
}

fn names(view: &View) -> impl Iterator<Item = &str> {
    [view.name.as_str(), view.view.as_str()]
        .into_iter()
        .chain(view.aliases.iter().map(String::as_str))
}

/// The date at the end of a name, as `2024-10-01` or `2024_10_01`.
fn date_suffix(name: &str) -> Option<&str> {
    let tail = name.get(name.len().checked_sub(10)?..)?;
    NaiveDate::parse_from_str(&tail.replace('_', "-"), "%Y-%m-%d").ok().map(|_| tail)
}

/// The key `single_users` of the header, and the views.
fn from_file(
    file: &Path,
    text: &str,
    settings: &Views,
    time: &Time,
) -> Result<(Option<bool>, Vec<View>)> {
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let header = parse(text)?;
    let view = header.view.unwrap_or_else(|| stem.clone());
    let name = header.name.unwrap_or_else(|| view.replace('_', "-"));
    let template = View {
        title: header.title.unwrap_or_else(|| name.replace('-', " ")),
        aliases: header.aliases,
        description: header.description.unwrap_or_default(),
        order: header.order,
        chart: header.chart,
        // decided when all views are known
        single_users: None,
        by_date: header.by_date,
        sql: text
            .replace(":day_start", &time.day_start.to_string())
            .replace(":day_end", &time.day_end.to_string()),
        file: file.to_owned(),
        name,
        view,
    };
    if !template.sql.contains(DATE_IN_SQL) {
        check_names(&template)?;
        return Ok((header.single_users, vec![template]));
    }
    if !(template.name.contains(DATE_IN_HEADER) && template.view.contains(DATE_IN_HEADER)) {
        bail!("the SQL uses {DATE_IN_SQL}, so name and view must contain {DATE_IN_HEADER}");
    }
    let views = settings.snapshot_dates.iter().map(|day| snapshot(&template, *day));
    Ok((header.single_users, views.collect::<Result<_>>()?))
}

fn snapshot(template: &View, day: NaiveDate) -> Result<View> {
    let hyphens = day.to_string();
    let fill = |text: &str| text.replace(DATE_IN_HEADER, &hyphens);
    let view = View {
        name: fill(&template.name),
        view: template.view.replace(DATE_IN_HEADER, &hyphens.replace('-', "_")),
        aliases: template.aliases.iter().map(|a| fill(a)).collect(),
        title: fill(&template.title),
        description: fill(&template.description),
        sql: template.sql.replace(DATE_IN_SQL, &format!("'{hyphens}'")),
        ..template.clone()
    };
    check_names(&view)?;
    Ok(view)
}

/// SQL names are restricted so that no engine has to quote them; query names are routes.
fn check_names(view: &View) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if view.view.is_empty()
        || !view.view.chars().all(is_plain)
        || view.view.starts_with(|c: char| c.is_ascii_digit())
    {
        bail!("view name {:?}: use lower-case letters, digits and underscores", view.view);
    }
    for name in std::iter::once(&view.name).chain(&view.aliases) {
        if name.is_empty() || !name.chars().all(|c| is_plain(c) || c == '-') {
            bail!("query name {name:?}: use lower-case letters, digits and hyphens");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builtin() -> Registry {
        Registry::read(&Views::default(), &Time::default()).unwrap()
    }

    #[test]
    fn the_contract_names_ten_views_and_seven_aliases() {
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
        assert_eq!(registry.views().len(), 10);
    }

    #[test]
    fn only_the_two_views_of_single_users_are_marked() {
        let marked: Vec<_> =
            builtin().views.iter().filter(|v| v.single_users()).map(|v| v.view.clone()).collect();
        assert_eq!(
            marked,
            ["agg_cell_count_per_user_per_day", "unique_locations_per_user_per_day"]
        );
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
        let settings = Views {
            snapshot_dates: dates.iter().map(|d| d.parse().unwrap()).collect(),
            ..Views::default()
        };
        let time = Time { day_start: 6, ..Time::default() };
        let registry = Registry::read(&settings, &time).unwrap();
        assert_eq!(registry.views().len(), 12);
        let second = registry.find("users-per-lau-2024-10-02").unwrap();
        assert!(second.sql.contains("DATE '2024-10-02'"), "{}", second.sql);
        let night = registry.find("users-per-lau-day-night").unwrap();
        assert!(night.sql.contains(">= 6") && !night.sql.contains(":day"), "{}", night.sql);
    }

    #[test]
    fn a_view_without_a_header_gets_the_name_of_its_file() {
        let file = Path::new("sql/views/my_view.sql");
        let text = "SELECT user_id FROM t";
        let (_, mut views) = from_file(file, text, &Views::default(), &Time::default()).unwrap();
        let view = views.remove(0);
        assert_eq!((view.name.as_str(), view.view.as_str()), ("my-view", "my_view"));
    }
}
