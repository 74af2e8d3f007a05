//! Columns of views and tables with the type names of the API.

use arrow::datatypes::{DataType, Field, Schema};
use serde::Serialize;

/// A column of a view or table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnInfo {
    pub name: String,
    /// `text`, `integer`, `number`, `boolean`, `date`, `timestamp`, `binary` or `geometry`.
    #[serde(rename = "type")]
    pub type_name: &'static str,
}

impl ColumnInfo {
    /// The columns of a schema.
    pub fn all(schema: &Schema) -> Vec<ColumnInfo> {
        let column = |field: &std::sync::Arc<Field>| ColumnInfo {
            name: field.name().clone(),
            type_name: type_name(field.name(), field.data_type()),
        };
        schema.fields().iter().map(column).collect()
    }

    pub fn is_number(&self) -> bool {
        matches!(self.type_name, "integer" | "number")
    }

    pub fn is_time(&self) -> bool {
        matches!(self.type_name, "date" | "timestamp")
    }
}

fn type_name(column: &str, data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "boolean",
        t if t.is_integer() => "integer",
        t if t.is_numeric() => "number",
        DataType::Date32 => "date",
        DataType::Timestamp(..) => "timestamp",
        DataType::Binary if column == "geometry" => "geometry",
        DataType::Binary => "binary",
        _ => "text",
    }
}

/// True when rows can be drawn on a map: they have a geometry, or the id of a LAU that has one.
pub fn has_location(columns: &[ColumnInfo]) -> bool {
    let is_location =
        |c: &ColumnInfo| c.type_name == "geometry" || (c.name == "lau_id" && c.type_name == "text");
    columns.iter().any(is_location)
}

/// The two columns with the ids of LAUs of rows that lead from one to another; `None` for other rows.
pub fn lau_ends(columns: &[ColumnInfo]) -> Option<[usize; 2]> {
    let is_end = |c: &&ColumnInfo| c.name.ends_with("_lau_id") && c.type_name == "text";
    let mut ends = columns.iter().enumerate().filter(|(_, c)| is_end(c)).map(|(at, _)| at);
    match (ends.next(), ends.next(), ends.next()) {
        (Some(from), Some(to), None) if !has_location(columns) => Some([from, to]),
        _ => None,
    }
}

/// True when rows can be filtered by day.
pub fn has_days(columns: &[ColumnInfo]) -> bool {
    let is_day = |c: &ColumnInfo| ["date", "hour", "timestamp"].contains(&c.name.as_str());
    columns.iter().any(|c| c.is_time() && is_day(c))
}

/// True when rows can be filtered by LAU.
pub fn has_lau(columns: &[ColumnInfo]) -> bool {
    columns.iter().any(|c| c.name == "lau_id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tables::Table;

    #[test]
    fn columns_have_the_types_of_the_api() {
        let columns = ColumnInfo::all(&Table::CellPlan.schema());
        let types: Vec<_> = columns.into_iter().map(|c| c.type_name).collect();
        assert_eq!(
            types,
            [
                "text", "number", "number", "date", "date", "text", "text", "number", "geometry",
                "text"
            ]
        );
        assert!(has_location(&ColumnInfo::all(&Table::Lau.schema())));
        assert!(!has_location(&ColumnInfo::all(&Table::MobileEventsCompressed.schema())));
    }

    #[test]
    fn rows_between_laus_have_two_of_them_and_no_location() {
        let columns = |names: &[&str]| -> Vec<ColumnInfo> {
            let column = |name: &&str| ColumnInfo { name: (*name).to_owned(), type_name: "text" };
            names.iter().map(column).collect()
        };
        assert_eq!(lau_ends(&columns(&["date", "from_lau_id", "to_lau_id"])), Some([1, 2]));
        for others in [
            &["from_lau_id"][..],
            &["lau_id", "from_lau_id", "to_lau_id"],
            &["from_lau_id", "to_lau_id", "home_lau_id"],
        ] {
            assert_eq!(lau_ends(&columns(others)), None, "{others:?}");
        }
    }
}
