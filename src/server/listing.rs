//! `/views`: what there is, for programs.

use anyhow::Result;
use serde_json::{Value, json};

use super::columns;
use super::edition::Edition;
use super::names::{path_of_table, path_of_view};
use super::produce::About;
use super::state::Shared;
use crate::domain::tables::Table;
use crate::views::OrderBy;
use crate::warehouse::{Relation, Warehouse};

/// The list as JSON.
///
/// # Errors
/// A view that the engine refuses.
pub fn json(shared: &Shared, edition: &Edition, warehouse: &dyn Warehouse) -> Result<Vec<u8>> {
    let allowed = |single_users: bool| !single_users || shared.config.serve.allow_user_rows;
    let order = |order: Vec<OrderBy>| -> Vec<Value> {
        let key = |o: OrderBy| json!({ "column": o.column, "descending": o.descending });
        order.into_iter().map(key).collect()
    };
    let describe = |relation: Relation| -> Result<Value> {
        let about = About::of(relation);
        Ok(json!({
            "name": about.name,
            "view": relation.sql_name(),
            "title": about.title,
            "description": about.description,
            "columns": columns::of(edition.columns(warehouse, relation)?.as_ref()),
            "order": order(relation.default_order()),
            "single_users": about.single_users,
            "allowed": allowed(about.single_users),
        }))
    };
    let mut views = Vec::new();
    for view in shared.registry.views() {
        let mut entry = describe(Relation::View(view))?;
        entry["aliases"] = json!(view.aliases);
        entry["chart"] = json!({ "kind": view.chart.kind, "columns": view.chart.columns });
        entry["href"] = json!(path_of_view(view));
        views.push(entry);
    }
    let mut tables = Vec::new();
    for table in Table::ALL {
        // raw events are not in every warehouse
        let Ok(mut entry) = describe(Relation::Table(table)) else { continue };
        entry["href"] = json!(path_of_table(table));
        tables.push(entry);
    }
    Ok(format!("{}\n", json!({ "views": views, "tables": tables })).into_bytes())
}
