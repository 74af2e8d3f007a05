//! What public readers get in place of a page that computes with exact numbers.

use serde_json::{Value, json};

use crate::output::relation::view_path;
use crate::views::Registry;

/// The reason why a page shows nothing, and the released ones of its views, which have pages of their own.
pub fn analysts_page(registry: &Registry, views: &[&str]) -> Value {
    let released = registry.views().iter().filter(|view| views.contains(&view.view.as_str()));
    let released = released.filter(|view| !view.measures().is_empty());
    let released: Vec<Value> = released
        .map(|view| json!({ "name": view.name, "title": view.title, "path": view_path(view) }))
        .collect();
    json!({
        "reason": "This page adds numbers up and compares them, so that it is for analysts alone.",
        "released": released,
        "missing": [],
        "windows": [],
        "dates": [],
        "nights": [],
        "laus": null,
    })
}
