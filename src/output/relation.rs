//! The description of a view or table on pages and in documents.

use crate::domain::tables::Table;
use crate::views::View;
use crate::warehouse::Relation;

/// The description of a view or table.
#[derive(Debug, Clone, Copy)]
pub struct RelationInfo<'a> {
    /// The query name of a view, the name of a table.
    pub name: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    /// True when a row belongs to one user.
    pub single_users: bool,
}

impl<'a> RelationInfo<'a> {
    pub fn of(relation: Relation<'a>) -> Self {
        let (name, title, description) = match relation {
            Relation::View(view) => {
                (view.name.as_str(), view.title.as_str(), view.description.as_str())
            }
            Relation::Table(table) => (table.name(), table.name(), table.description()),
        };
        RelationInfo { name, title, description, single_users: relation.single_users() }
    }
}

/// The canonical path of a view's route.
pub fn view_path(view: &View) -> String {
    format!("/{}", view.name)
}

/// The canonical path of a table's route.
pub fn table_path(table: Table) -> String {
    format!("/tables/{}", table.name())
}
