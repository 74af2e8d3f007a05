//! Selections of rows from a table or view, independent of the engine.

use anyhow::{Result, anyhow};
use arrow::datatypes::{DataType, Schema};
use chrono::NaiveDate;

use crate::domain::tables::Table;
use crate::errors::{UsageError, nearest};
use crate::views::{OrderBy, Reason, View};

/// A table or a view.
#[derive(Debug, Clone, Copy)]
pub enum Relation<'a> {
    Table(Table),
    View(&'a View),
}

impl Relation<'_> {
    /// The name in SQL.
    pub fn sql_name(&self) -> &str {
        match self {
            Relation::Table(table) => table.name(),
            Relation::View(view) => &view.view,
        }
    }

    pub fn title(&self) -> &str {
        match self {
            Relation::Table(table) => table.name(),
            Relation::View(view) => &view.title,
        }
    }

    /// True if rows belong to single users. Everything that lets rows out asks this.
    pub fn single_users(&self) -> bool {
        match self {
            Relation::Table(table) => table.single_users(),
            Relation::View(view) => view.single_users(),
        }
    }

    /// True for a view that could not be analysed, and counts as one with rows of single users.
    pub fn is_undecided(&self) -> bool {
        match self {
            Relation::Table(_) => false,
            Relation::View(view) => matches!(view.single_users, Some(Reason::Unknown(_))),
        }
    }

    /// The columns whose numbers are withheld where they tell of few devices, as far as the header states them.
    pub fn measures(&self) -> Vec<String> {
        match self {
            Relation::Table(_) => Vec::new(),
            Relation::View(view) => view.measures(),
        }
    }

    /// The default order of the rows.
    pub fn default_order(&self) -> Vec<OrderBy> {
        match self {
            Relation::Table(table) => table
                .key_columns()
                .iter()
                .map(|c| OrderBy { column: (*c).to_owned(), descending: false })
                .collect(),
            Relation::View(view) => view.order.clone(),
        }
    }
}

/// A selection of rows from a relation, with filters, order, limit and offset.
#[derive(Debug, Clone)]
pub struct Select<'a> {
    pub relation: Relation<'a>,
    /// First and last day, both inclusive.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Only this `lau_id`.
    pub lau: Option<String>,
    /// The order that the user chose; the default order of the relation breaks ties.
    pub order: Vec<OrderBy>,
    pub limit: Option<u64>,
    pub offset: u64,
}

/// The columns of a relation that the filters and the order of a [`Select`] refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSelect {
    /// The column to filter by day, if such a filter is set.
    pub day: Option<DayColumn>,
    /// The complete order; empty for the default order.
    pub by: Vec<OrderBy>,
}

/// A column from which the day of a row follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayColumn {
    Date(String),
    Time(String),
}

impl<'a> Select<'a> {
    /// All rows of the relation.
    pub fn all(relation: Relation<'a>) -> Self {
        Select {
            relation,
            from: None,
            to: None,
            lau: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
        }
    }

    /// Checks filters and order against the columns of the relation.
    ///
    /// # Errors
    /// [`UsageError`] that names the missing column and the existing ones.
    pub fn resolve(&self, schema: &Schema) -> Result<ResolvedSelect> {
        let name = self.relation.sql_name();
        let columns = || schema.fields().iter().map(|f| f.name().as_str());
        let usage_error = |text: String| anyhow!(UsageError(text));
        if let Some(order) = self.order.iter().find(|o| schema.index_of(&o.column).is_err()) {
            let near = nearest(&order.column, columns());
            let hint = near.map(|n| format!("did you mean {n:?}?"));
            let list = columns().collect::<Vec<_>>().join(", ");
            return Err(usage_error(format!(
                "{name} has no column {:?} to order by; {}",
                order.column,
                hint.unwrap_or_else(|| format!("it has {list}"))
            )));
        }
        if self.lau.is_some() && schema.index_of("lau_id").is_err() {
            return Err(usage_error(format!(
                "{name} has no lau_id, so it cannot be filtered by LAU"
            )));
        }
        let day = match (self.from, self.to) {
            (None, None) => None,
            _ => Some(DayColumn::of(schema).ok_or_else(|| {
                usage_error(format!(
                    "{name} has neither date nor hour, so it cannot be filtered by day"
                ))
            })?),
        };
        let mut by = self.order.clone();
        if !by.is_empty() {
            let own = self.relation.default_order();
            by.extend(own.into_iter().filter(|o| self.order.iter().all(|p| p.column != o.column)));
        }
        Ok(ResolvedSelect { day, by })
    }
}

impl DayColumn {
    /// The column that rows can be filtered by.
    pub fn of(schema: &Schema) -> Option<DayColumn> {
        let has = |name: &str, is_type: fn(&DataType) -> bool| {
            schema.field_with_name(name).is_ok_and(|f| is_type(f.data_type()))
        };
        if has("date", |t| *t == DataType::Date32) {
            return Some(DayColumn::Date("date".to_owned()));
        }
        let time = ["hour", "timestamp"];
        let found = time.into_iter().find(|n| has(n, |t| matches!(t, DataType::Timestamp(_, _))));
        found.map(|n| DayColumn::Time(n.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_order_need_existing_columns() {
        let schema = Table::Lau.schema();
        let mut select = Select::all(Relation::Table(Table::Lau));
        assert_eq!(select.resolve(&schema).unwrap(), ResolvedSelect { day: None, by: vec![] });
        select.from = NaiveDate::from_ymd_opt(2024, 10, 1);
        let error = select.resolve(&schema).unwrap_err();
        assert!(error.downcast_ref::<UsageError>().is_some());
        let mut select = Select::all(Relation::Table(Table::Lau));
        select.order = vec![OrderBy { column: "lau_nam".into(), descending: false }];
        let error = select.resolve(&schema).unwrap_err().to_string();
        assert!(error.contains("\"lau_name\""), "{error}");
    }

    #[test]
    fn default_order_breaks_ties() {
        let mut select = Select::all(Relation::Table(Table::MobileEventsCompressed));
        select.order = vec![OrderBy { column: "cell_id".into(), descending: true }];
        let order = select.resolve(&Table::MobileEventsCompressed.schema()).unwrap();
        let names: Vec<_> = order.by.iter().map(|o| o.column.as_str()).collect();
        assert_eq!(names, ["cell_id", "date", "user_id", "hour"]);
    }
}
