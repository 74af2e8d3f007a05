//! Columns in the words of the API.

use arrow::datatypes::{DataType, Field, Schema};
use serde::Serialize;

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    pub name: String,
    /// `text`, `integer`, `number`, `boolean`, `date`, `timestamp`, `binary` or `geometry`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

pub fn of(schema: &Schema) -> Vec<Column> {
    let column = |field: &std::sync::Arc<Field>| Column {
        name: field.name().clone(),
        kind: kind(field.name(), field.data_type()),
    };
    schema.fields().iter().map(column).collect()
}

fn kind(name: &str, data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        t if t.is_integer() => "integer",
        t if t.is_numeric() => "number",
        DataType::Date32 => "date",
        DataType::Timestamp(..) => "timestamp",
        DataType::Binary if name == "geometry" => "geometry",
        DataType::Binary => "binary",
        _ => "text",
    }
}

/// True for rows that have a place on a map.
pub fn has_place(columns: &[Column]) -> bool {
    columns.iter().any(|c| c.kind == "geometry" || (c.name == "lau_id" && c.kind == "text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tables::Table;

    #[test]
    fn columns_have_plain_types() {
        let kinds: Vec<_> = of(&Table::CellPlan.schema()).into_iter().map(|c| c.kind).collect();
        assert_eq!(
            kinds,
            ["text", "number", "number", "date", "date", "text", "text", "number", "geometry"]
        );
        assert!(has_place(&of(&Table::Lau.schema())));
        assert!(!has_place(&of(&Table::MobileEventsCompressed.schema())));
    }
}
