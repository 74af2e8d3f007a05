//! All views and tables with their columns, order and chart.

use anyhow::Result;
use serde_json::{Value, json};

use super::LoadedData;
use crate::output::columns::ColumnInfo;
use crate::output::relation::{RelationInfo, table_path, view_path};
use crate::output::snapshots;
use crate::output::{movement, people};
use crate::views::{OrderBy, View};
use crate::warehouse::Relation;

/// The list; `path_of` gives the path of a route for clients.
///
/// # Errors
/// A view that the engine rejects.
pub fn view_list(data: &LoadedData, path_of: impl Fn(&str) -> String) -> Result<Value> {
    let order = |order: Vec<OrderBy>| -> Vec<Value> {
        let key = |o: OrderBy| json!({ "column": o.column, "descending": o.descending });
        order.into_iter().map(key).collect()
    };
    let describe = |relation: Relation| -> Result<Value> {
        let info = RelationInfo::of(relation);
        Ok(json!({
            "name": info.name,
            "view": relation.sql_name(),
            "title": info.title,
            "description": info.description,
            "columns": ColumnInfo::all(&*data.version.columns(data.warehouse, relation)?),
            "order": order(relation.default_order()),
            "single_users": info.single_users,
            "allowed": !info.single_users || data.allow_user_rows,
        }))
    };
    let mut views = Vec::new();
    for view in data.registry.views() {
        let mut entry = describe(Relation::View(view))?;
        entry["aliases"] = json!(view.aliases);
        entry["chart"] = json!({ "kind": view.chart.kind, "columns": view.chart.columns });
        entry["href"] = json!(path_of(&view_path(view)));
        entry["loaded"] = json!(snapshots::is_loaded(data.warehouse, view)?);
        entry["snapshot"] = json!(view.snapshot.is_some());
        let is_released = data.registry.is_released();
        entry["page"] = json!(match is_released {
            // the other pages compute with exact numbers
            true if !view.measures().is_empty() => "dashboard",
            // what others are computed from
            true => "none",
            false => page_of(&view.view),
        });
        entry["suppression"] = json!(is_released.then(|| suppression_of(view)));
        entry["measures"] = json!(is_released.then(|| view.measures()));
        views.push(entry);
    }
    let mut tables = Vec::new();
    for table in data.registry.tables().iter().copied() {
        // not every warehouse holds the raw events
        let Ok(mut entry) = describe(Relation::Table(table)) else { continue };
        entry["href"] = json!(path_of(&table_path(table)));
        tables.push(entry);
    }
    Ok(json!({ "views": views, "tables": tables }))
}

/// What is left out of a released view: numbers, or whole rows.
fn suppression_of(view: &View) -> &'static str {
    if view.has_every_key() { "numbers" } else { "rows" }
}

/// The page that shows a view.
fn page_of(view: &str) -> &'static str {
    match view {
        view if people::VIEWS.contains(&view) => "people",
        view if movement::VIEWS.contains(&view) => "movement",
        _ => "dashboard",
    }
}
