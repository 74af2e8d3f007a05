//! The schema of the warehouse. Every statement names it, because the search path of a session may
//! name other schemas: by default it ends with `public`, which may hold tables of the same names.

use crate::domain::tables::{Table, quoted};

/// The gap of SQL templates that is filled with the schema.
const GAP: &str = "{schema}";

/// The column of a stored result that is computed by period: the first date of the period of a row.
pub const DATE_COLUMN: &str = "mobility_date";

/// Name of the table with the stored result of a view.
pub fn result_table_name(view: &str) -> String {
    format!("stored_{view}")
}

/// The name of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaName(String);

impl SchemaName {
    pub fn new(name: &str) -> Self {
        SchemaName(name.to_owned())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name as an SQL identifier.
    pub fn quoted(&self) -> String {
        quoted(&self.0)
    }

    /// A relation of the schema in SQL.
    pub fn relation(&self, name: &str) -> String {
        format!("{}.{}", self.quoted(), quoted(name))
    }

    /// A table of the contract in SQL.
    pub fn table(&self, table: Table) -> String {
        self.relation(table.name())
    }

    /// The table with the stored result of a view.
    pub fn result_table(&self, view: &str) -> String {
        self.relation(&result_table_name(view))
    }

    /// SQL in which `{schema}` stands for the schema.
    pub fn fill(&self, template: &str) -> String {
        template.replace(GAP, &self.quoted())
    }
}

#[cfg(test)]
mod tests {
    use super::SchemaName;

    #[test]
    fn every_name_is_quoted() {
        let schema = SchemaName::new("a.b \"C\"");
        assert_eq!(schema.relation("lau"), "\"a.b \"\"C\"\"\".\"lau\"");
        assert_eq!(schema.fill("FROM {schema}.lau"), "FROM \"a.b \"\"C\"\"\".lau");
    }
}
