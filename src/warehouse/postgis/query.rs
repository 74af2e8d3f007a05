//! Builds the SQL of a [`Select`], with bound parameters.

use arrow::datatypes::{DataType, SchemaRef};
use chrono::NaiveDate;
use postgres::types::ToSql;

use crate::domain::tables::quoted;
use crate::views::OrderBy;
use crate::warehouse::Relation;
use crate::warehouse::select::{DayColumn, ResolvedSelect, Select};

/// `"a", "b" DESC`: the sort keys of an index, or of columns with C collation.
pub fn order_list(order: &[OrderBy]) -> String {
    let key =
        |o: &OrderBy| format!("{}{}", quoted(&o.column), if o.descending { " DESC" } else { "" });
    order.iter().map(key).collect::<Vec<_>>().join(", ")
}

/// A SELECT and its parameters.
pub struct Query {
    pub sql: String,
    texts: Vec<String>,
    dates: Vec<NaiveDate>,
    numbers: Vec<i64>,
    order: Vec<Parameter>,
}

#[derive(Clone, Copy)]
enum Parameter {
    Text(usize),
    Date(usize),
    Number(usize),
}

impl Query {
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let value = |p: &Parameter| -> &(dyn ToSql + Sync) {
            match *p {
                Parameter::Text(i) => &self.texts[i],
                Parameter::Date(i) => &self.dates[i],
                Parameter::Number(i) => &self.numbers[i],
            }
        };
        self.order.iter().map(value).collect()
    }

    fn text(&mut self, value: &str) -> String {
        self.texts.push(value.to_owned());
        self.next(Parameter::Text(self.texts.len() - 1))
    }

    fn date(&mut self, value: NaiveDate) -> String {
        self.dates.push(value);
        self.next(Parameter::Date(self.dates.len() - 1)) + "::date"
    }

    fn number(&mut self, value: u64) -> String {
        self.numbers.push(i64::try_from(value).unwrap_or(i64::MAX));
        self.next(Parameter::Number(self.numbers.len() - 1)) + "::bigint"
    }

    fn next(&mut self, parameter: Parameter) -> String {
        self.order.push(parameter);
        format!("${}", self.order.len())
    }

    /// All rows of `source`, a quoted name or a SELECT in parentheses, that match the filters.
    fn filtered(columns: &str, source: &str, select: &Select, resolved: &ResolvedSelect) -> Query {
        let mut query = Query {
            sql: format!("SELECT {columns} FROM {source} AS q"),
            texts: Vec::new(),
            dates: Vec::new(),
            numbers: Vec::new(),
            order: Vec::new(),
        };
        let mut conditions = Vec::new();
        if let Some(lau) = &select.lau {
            conditions.push(format!("\"lau_id\" = {}", query.text(lau)));
        }
        if let Some(day) = &resolved.day {
            let (column, last) = match day {
                DayColumn::Date(name) => (quoted(name), ""),
                // includes all times of the last day
                DayColumn::Time(name) => (quoted(name), " + 1"),
            };
            if let Some(from) = select.from {
                conditions.push(format!("{column} >= {}", query.date(from)));
            }
            if let Some(to) = select.to {
                let sign = if last.is_empty() { "<=" } else { "<" };
                conditions.push(format!("{column} {sign} {}{last}", query.date(to)));
            }
        }
        if !conditions.is_empty() {
            query.sql.push_str(" WHERE ");
            query.sql.push_str(&conditions.join(" AND "));
        }
        query
    }
}

/// The rows of a [`Select`], ordered, with limit and offset.
pub fn rows(source: &str, select: &Select, resolved: &ResolvedSelect, schema: &SchemaRef) -> Query {
    let columns: Vec<String> = schema.fields().iter().map(|f| quoted(f.name())).collect();
    let mut query = Query::filtered(&columns.join(", "), source, select, resolved);
    let own = select.relation.default_order();
    let (by, nulls) = match (resolved.by.is_empty(), select.relation) {
        (false, _) => (&resolved.by, ""),
        (true, Relation::View(_)) => (&own, ""),
        // in files of tables, a validity without a start comes before all others
        (true, Relation::Table(_)) => (&own, " NULLS FIRST"),
    };
    if !by.is_empty() {
        let keys: Vec<String> = by.iter().map(|key| sort_key(key, schema) + nulls).collect();
        query.sql.push_str(&format!(" ORDER BY {}", keys.join(", ")));
    }
    if let Some(limit) = select.limit {
        let limit = query.number(limit);
        query.sql.push_str(&format!(" LIMIT {limit}"));
    }
    if select.offset > 0 {
        let offset = query.number(select.offset);
        query.sql.push_str(&format!(" OFFSET {offset}"));
    }
    query
}

/// The number of rows of a [`Select`] without its limit and offset.
pub fn count(source: &str, select: &Select, resolved: &ResolvedSelect) -> Query {
    Query::filtered("COUNT(*)", source, select, resolved)
}

/// Text is ordered by its bytes, independent of the collation of the database.
fn sort_key(key: &OrderBy, schema: &SchemaRef) -> String {
    let text = schema.field_with_name(&key.column).is_ok_and(|f| *f.data_type() == DataType::Utf8);
    format!(
        "{}{}{}",
        quoted(&key.column),
        if text { " COLLATE \"C\"" } else { "" },
        if key.descending { " DESC" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tables::Table;

    #[test]
    fn values_are_bound_and_names_quoted() {
        let mut select = Select::all(Relation::Table(Table::MobileEventsCompressed));
        let schema = Table::MobileEventsCompressed.schema();
        select.from = NaiveDate::from_ymd_opt(2024, 10, 1);
        select.to = select.from;
        select.limit = Some(3);
        select.offset = 2;
        let order = select.resolve(&schema).unwrap();
        let query = rows(&quoted("a\"b"), &select, &order, &schema);
        assert!(
            query.sql.contains("FROM \"a\"\"b\" AS q WHERE \"date\" >= $1::date"),
            "{}",
            query.sql
        );
        assert!(query.sql.ends_with("LIMIT $3::bigint OFFSET $4::bigint"), "{}", query.sql);
        let key = "\"user_id\" COLLATE \"C\" NULLS FIRST, \"hour\"";
        assert!(query.sql.contains(key), "{}", query.sql);
        assert_eq!(query.parameters().len(), 4);
    }
}
