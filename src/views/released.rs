//! The registry as a public reader sees it: the views that were released, with the columns that they have in
//! the store of released tables, and nothing else.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;

use super::coarser;
use super::publication::classify;
use super::registry::{Registry, Released};
use super::view::View;
use crate::domain::tables::Table;

impl Registry {
    /// The views with these SQL names and columns, also coarser forms of views, and these tables. Rows come from a store, so that neither
    /// the SQL of the views nor what they read matters.
    pub fn released(&self, columns: &BTreeMap<String, SchemaRef>, tables: Vec<Table>) -> Registry {
        let mut reasons = BTreeMap::new();
        for table in Table::ALL.into_iter().filter(|table| !tables.contains(table)) {
            let name = table.name();
            let reason = match table {
                Table::CellPlan => format!(
                    "the table {name} was not released; `mobility publish` releases it if publish.cells = true"
                ),
                table if table.single_users() => {
                    format!("the table {name} has rows of single users, which are never released")
                }
                _ => format!("the table {name} is for analysts alone"),
            };
            reasons.insert(key_of(name), reason);
        }
        let mut views = Vec::new();
        for view in &self.views {
            match columns.get(&view.view).filter(|_| !view.single_users()) {
                Some(schema) => views.push(View {
                    columns: Some(schema.clone()),
                    snapshot: None,
                    sql: String::new(),
                    ..view.clone()
                }),
                None => {
                    let reason = self.reason_for_absence(view);
                    reasons.extend(view.names().map(|name| (key_of(name), reason.clone())));
                }
            }
        }
        for form in coarser::all(self) {
            if let Some(schema) = columns.get(&form.view.view) {
                views.push(View { columns: Some(schema.clone()), ..form.view });
            }
        }
        let released = Some(Released { tables, reasons });
        let mut registry = self.clone();
        (registry.views, registry.released) = (views, released);
        registry
    }

    fn reason_for_absence(&self, view: &View) -> String {
        let name = &view.name;
        match classify(view, self) {
            _ if view.single_users() => {
                format!("{name} has rows of single users, which are never released")
            }
            Ok(_) => format!("{name} was not released; `mobility publish` releases it"),
            Err(_) => format!(
                "{name} cannot be released, because it is not known what all of its numbers count; `mobility \
                 check --publication` says more"
            ),
        }
    }

    /// True if this is what a public reader sees.
    pub fn is_released(&self) -> bool {
        self.released.is_some()
    }

    /// The tables that readers see.
    pub fn tables(&self) -> &[Table] {
        self.released.as_ref().map_or(&Table::ALL, |released| &released.tables)
    }

    /// Why a view or table that exists is not shown to public readers; hyphens and underscores are equivalent.
    pub fn reason_for(&self, name: &str) -> Option<&str> {
        self.released.as_ref()?.reasons.get(&key_of(name)).map(String::as_str)
    }
}

fn key_of(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::config::Config;

    #[test]
    fn what_was_not_released_is_not_found_and_the_reason_is_stated() {
        let all = Registry::read((&Config::default()).into()).unwrap();
        let schema = Schema::new(vec![Field::new("suppressed", DataType::Boolean, false)]);
        // a release cannot turn rows of single users into others
        let columns =
            ["users_per_day", "night_places"].map(|v| (v.to_owned(), Arc::new(schema.clone())));
        let released = all.released(&BTreeMap::from(columns), vec![Table::Lau]);
        let names: Vec<&str> = released.views().iter().map(|view| view.view.as_str()).collect();
        assert_eq!((names, released.tables()), (vec!["users_per_day"], &[Table::Lau][..]));
        let columns = released.find("users-per-day").unwrap().columns.clone().unwrap();
        assert_eq!(columns.fields()[0].name(), "suppressed");
        for (name, words) in [
            ("night-places", "rows of single users"),
            ("segments", "rows of single users"),
            ("quality_daily", "for analysts alone"),
            ("cell_plan", "publish.cells = true"),
            ("users-per-lau", "was not released"),
            ("agg_users_per_lau_per_day", "was not released"),
            ("population-weights", "cannot be released"),
        ] {
            let error = released.find(name).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("--audience public"), "{error}");
            assert!(all.reason_for(name).is_none(), "{name}");
        }
        let error = released.find("users-per-dya").unwrap_err().to_string();
        assert!(error.contains("did you mean \"users-per-day\""), "{error}");
    }
}
