//! The routes of views and tables: from a path to a relation, with a suggestion for unknown paths.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Result, bail};
use axum::http::StatusCode;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use super::site::Site;
use crate::config::UrlPrefix;
use crate::domain::tables::Table;
use crate::errors::nearest;
use crate::output::relation::{table_path, view_path};
use crate::views::{Registry, View};
use crate::warehouse::Relation;

/// First segments of the other routes, which are reserved: no view may have such a name.
pub const RESERVED: [&str; 14] = [
    "assets",
    "docs",
    "health",
    "map",
    "metrics",
    "movement",
    "openapi.json",
    "people",
    "quality",
    "report",
    "summary",
    "table",
    "tables",
    "views",
];

/// A view, by its index in the registry, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteTarget {
    View(usize),
    Table(Table),
}

/// The paths of all views and tables.
pub struct RelationRoutes {
    registry: Arc<Registry>,
    targets: HashMap<String, RouteTarget>,
    paths: Vec<String>,
    volatile: HashSet<RouteTarget>,
}

impl RelationRoutes {
    /// # Errors
    /// A view with a reserved name.
    pub fn new(registry: Arc<Registry>) -> Result<Self> {
        let mut targets = HashMap::new();
        let mut paths: Vec<String> = RESERVED
            .iter()
            .filter(|r| !["assets", "report", "table", "tables"].contains(r))
            .map(|r| format!("/{r}"))
            .collect();
        for (index, view) in registry.views().iter().enumerate() {
            for name in [&view.name, &view.view].into_iter().chain(&view.aliases) {
                if RESERVED.contains(&name.as_str()) {
                    bail!(
                        "{}: /{name} is a route of the server itself; give the view another name",
                        view.place()
                    );
                }
                targets.insert(path_key(name), RouteTarget::View(index));
                paths.push(format!("/{name}"));
            }
        }
        // a view whose tables are unknown counts as volatile
        let volatile_tables = [Table::MobileEventsUncompressed, Table::Runs];
        let reads_volatile = |view: &View| {
            volatile_tables.iter().any(|table| registry.reads(view, table.name()).unwrap_or(true))
        };
        let mut volatile: HashSet<RouteTarget> = (0..registry.views().len())
            .filter(|index| reads_volatile(&registry.views()[*index]))
            .map(RouteTarget::View)
            .collect();
        volatile.extend(volatile_tables.map(RouteTarget::Table));
        for table in registry.tables().iter().copied() {
            targets.insert(format!("tables/{}", path_key(table.name())), RouteTarget::Table(table));
            paths.push(format!("/tables/{}", table.name()));
        }
        Ok(RelationRoutes { registry, targets, paths, volatile })
    }

    /// The target of a path such as `/users-per-lau` or `/tables/lau`. Hyphens and underscores are
    /// equivalent.
    ///
    /// # Errors
    /// 404 that suggests the nearest path; for the public 403 for what was not released.
    pub fn find(&self, path: &str, site: &Site) -> Result<RouteTarget, Problem> {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let name = decoded.strip_prefix('/').unwrap_or(&decoded);
        let name = name
            .strip_prefix("table/")
            .map_or_else(|| path_key(name), |table| format!("tables/{}", path_key(table)));
        self.targets.get(&name).copied().ok_or_else(|| {
            self.withheld(&name, site).unwrap_or_else(|| self.unknown(&decoded, site))
        })
    }

    /// The answer to a public reader who asks for what exists but was not released.
    fn withheld(&self, name: &str, site: &Site) -> Option<Problem> {
        let reason = self.registry.reason_for(name.strip_prefix("tables/").unwrap_or(name))?;
        let detail = format!("{reason}; {} lists what was released", site.path("/views"));
        Some(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    fn unknown(&self, path: &str, site: &Site) -> Problem {
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        let last_segment = |p: &String| p.rsplit('/').next().map(str::to_owned);
        let same = self.paths.iter().find(|p| last_segment(p).as_deref() == Some(&path_key(last)));
        let segments: Vec<(String, &String)> =
            self.paths.iter().filter_map(|p| Some((last_segment(p)?, p))).collect();
        let near = same.map(String::as_str).or_else(|| {
            let near = nearest(last, segments.iter().map(|(segment, _)| segment.as_str()))?;
            segments.iter().find(|(segment, _)| segment == near).map(|(_, path)| path.as_str())
        });
        let hint = match near {
            Some(near) => format!("did you mean {}?", site.path(near)),
            None => format!("{} lists all views and tables", site.path("/views")),
        };
        let shown: String = path.chars().take(200).collect();
        let missing = format!("{} does not exist; {hint}", site.path(&shown));
        Problem::new(StatusCode::NOT_FOUND, missing)
    }

    /// Checks that no route is below the prefix of `serve.base_path`, whose requests would be ambiguous.
    ///
    /// # Errors
    /// A prefix that begins like a route.
    pub fn check_base_path(&self, base: &UrlPrefix) -> Result<()> {
        match self.begins_with(base.first_segment()) {
            true => bail!(
                "serve.base_path = \"{base}\": /{} is a route of the server itself; choose another path",
                base.first_segment()
            ),
            false => Ok(()),
        }
    }

    /// True if the paths of routes begin with that segment.
    pub fn begins_with(&self, segment: &str) -> bool {
        RESERVED.contains(&segment) || self.targets.contains_key(&path_key(segment))
    }

    pub fn relation(&self, target: RouteTarget) -> Relation<'_> {
        match target {
            RouteTarget::View(index) => Relation::View(&self.registry.views()[index]),
            RouteTarget::Table(table) => Relation::Table(table),
        }
    }

    /// True when rows can change without a load, as run records and the raw files of the embedded
    /// warehouse do. They are not cached.
    pub fn is_volatile(&self, target: RouteTarget) -> bool {
        self.volatile.contains(&target)
    }

    /// The canonical path, which links use.
    pub fn path(&self, target: RouteTarget) -> String {
        match self.relation(target) {
            Relation::View(view) => view_path(view),
            Relation::Table(table) => table_path(table),
        }
    }
}

/// The form in which paths are compared.
fn path_key(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn site(path: &str) -> Site {
        Site::of(path, None, None, |_| false).0
    }

    fn routes() -> RelationRoutes {
        RelationRoutes::new(Arc::new(Registry::read((&Config::default()).into()).unwrap())).unwrap()
    }

    #[test]
    fn names_aliases_and_tables_are_paths() {
        let routes = routes();
        let day_night = routes.find("/users-per-lau-day-night", &site("/")).unwrap();
        for path in [
            "/view_users_per_lau_day_night",
            "/view-users-per-lau-day-night",
            "/number-of-unique-users-per-lau-day-vs-night",
            "/users%2Dper-lau-day-night",
        ] {
            assert_eq!(routes.find(path, &site(path)).unwrap(), day_night, "{path}");
        }
        for path in ["/tables/cell_plan", "/tables/cell-plan", "/table/cell-plan"] {
            let found = routes.find(path, &site(path)).unwrap();
            assert_eq!(found, RouteTarget::Table(Table::CellPlan), "{path}");
        }
        assert_eq!(routes.path(day_night), "/users-per-lau-day-night");
    }

    #[test]
    fn unknown_path_suggests_the_nearest_one() {
        let detail = |path: &str| routes().find(path, &site(path)).unwrap_err().detail;
        for (path, near) in [
            ("/user-per-lau", "/users-per-lau?"),
            ("/cell_plan", "/tables/cell_plan?"),
            ("/tables/users-per-lau", "/users-per-lau?"),
            ("/users-per-lau/", "/users-per-lau?"),
            ("/helth", "/health?"),
        ] {
            assert!(detail(path).contains(near), "{}", detail(path));
        }
        assert!(detail("/zzzzzzzzzzz").contains("/views"), "{}", detail("/zzzzzzzzzzz"));
    }
}
