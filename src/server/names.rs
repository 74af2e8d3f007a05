//! From a path to the view or table that it names, and the nearest path where it names none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Result, bail};
use axum::http::StatusCode;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::domain::tables::Table;
use crate::errors::nearest;
use crate::views::{Registry, View};
use crate::warehouse::Relation;

/// First segments of the server's own routes, which no view may be called.
pub const OWN_ROUTES: [&str; 12] = [
    "assets",
    "docs",
    "health",
    "map",
    "metrics",
    "openapi.json",
    "quality",
    "report",
    "summary",
    "table",
    "tables",
    "views",
];

/// A view, by its place in the registry, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    View(usize),
    Table(Table),
}

/// All names there are.
pub struct Names {
    registry: Arc<Registry>,
    targets: HashMap<String, Target>,
    paths: Vec<String>,
    volatile: HashSet<Target>,
}

impl Names {
    /// # Errors
    /// A view whose name is one of the server's own routes.
    pub fn new(registry: Arc<Registry>) -> Result<Self> {
        let mut targets = HashMap::new();
        let mut paths: Vec<String> = OWN_ROUTES
            .iter()
            .filter(|r| !["assets", "report", "table", "tables"].contains(r))
            .map(|r| format!("/{r}"))
            .collect();
        for (index, view) in registry.views().iter().enumerate() {
            for name in [&view.name, &view.view].into_iter().chain(&view.aliases) {
                if OWN_ROUTES.contains(&name.as_str()) {
                    bail!(
                        "{}: /{name} is a route of the server itself; give the view another name",
                        view.place()
                    );
                }
                targets.insert(path_key(name), Target::View(index));
                paths.push(format!("/{name}"));
            }
        }
        // what cannot be told is not kept
        let moving = [Table::MobileEventsUncompressed, Table::Runs];
        let reads_one = |view: &View| {
            moving.iter().any(|table| registry.reads(view, table.name()).unwrap_or(true))
        };
        let mut volatile: HashSet<Target> = (0..registry.views().len())
            .filter(|index| reads_one(&registry.views()[*index]))
            .map(Target::View)
            .collect();
        volatile.extend(moving.map(Target::Table));
        for table in Table::ALL {
            targets.insert(format!("tables/{}", path_key(table.name())), Target::Table(table));
            paths.push(format!("/tables/{}", table.name()));
        }
        Ok(Names { registry, targets, paths, volatile })
    }

    /// The target of a request's path, `/users-per-lau` or `/tables/lau`; hyphens and underscores
    /// are the same.
    ///
    /// # Errors
    /// 404 with the nearest path.
    pub fn find(&self, path: &str) -> Result<Target, Problem> {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let name = decoded.strip_prefix('/').unwrap_or(&decoded);
        let name = name
            .strip_prefix("table/")
            .map_or_else(|| path_key(name), |table| format!("tables/{}", path_key(table)));
        self.targets.get(&name).copied().ok_or_else(|| self.unknown(&decoded))
    }

    fn unknown(&self, path: &str) -> Problem {
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        let leaf = |p: &String| p.rsplit('/').next().map(str::to_owned);
        let same = self.paths.iter().find(|p| leaf(p).as_deref() == Some(&path_key(last)));
        let leaves: Vec<(String, &String)> =
            self.paths.iter().filter_map(|p| Some((leaf(p)?, p))).collect();
        let near = same.map(String::as_str).or_else(|| {
            let near = nearest(last, leaves.iter().map(|(leaf, _)| leaf.as_str()))?;
            leaves.iter().find(|(leaf, _)| leaf == near).map(|(_, path)| path.as_str())
        });
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None => "/views lists what there is, / shows it".to_owned(),
        };
        let shown: String = path.chars().take(200).collect();
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {shown}; {hint}"))
    }

    pub fn relation(&self, target: Target) -> Relation<'_> {
        match target {
            Target::View(index) => Relation::View(&self.registry.views()[index]),
            Target::Table(table) => Relation::Table(table),
        }
    }

    /// True where rows can change without a load, as runs and the raw files of an embedded warehouse do.
    pub fn is_volatile(&self, target: Target) -> bool {
        self.volatile.contains(&target)
    }

    /// The one path that links use.
    pub fn path(&self, target: Target) -> String {
        match self.relation(target) {
            Relation::View(view) => path_of_view(view),
            Relation::Table(table) => path_of_table(table),
        }
    }
}

pub fn path_of_view(view: &View) -> String {
    format!("/{}", view.name)
}

pub fn path_of_table(table: Table) -> String {
    format!("/tables/{}", table.name())
}

fn path_key(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(Arc::new(Registry::read(&Default::default(), &Default::default()).unwrap()))
            .unwrap()
    }

    #[test]
    fn every_name_alias_and_table_is_a_path() {
        let names = names();
        let day_night = names.find("/users-per-lau-day-night").unwrap();
        for path in [
            "/view_users_per_lau_day_night",
            "/view-users-per-lau-day-night",
            "/number-of-unique-users-per-lau-day-vs-night",
            "/users%2Dper-lau-day-night",
        ] {
            assert_eq!(names.find(path).unwrap(), day_night, "{path}");
        }
        for path in ["/tables/cell_plan", "/tables/cell-plan", "/table/cell-plan"] {
            assert_eq!(names.find(path).unwrap(), Target::Table(Table::CellPlan), "{path}");
        }
        assert_eq!(names.path(day_night), "/users-per-lau-day-night");
    }

    #[test]
    fn a_slip_is_told_the_nearest_path() {
        let said = |path: &str| names().find(path).unwrap_err().detail;
        for (path, near) in [
            ("/user-per-lau", "/users-per-lau?"),
            ("/cell_plan", "/tables/cell_plan?"),
            ("/tables/users-per-lau", "/users-per-lau?"),
            ("/users-per-lau/", "/users-per-lau?"),
            ("/helth", "/health?"),
        ] {
            assert!(said(path).contains(near), "{}", said(path));
        }
        assert!(said("/zzzzzzzzzzz").contains("/views"), "{}", said("/zzzzzzzzzzz"));
    }
}
